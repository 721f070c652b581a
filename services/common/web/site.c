#include "web/site.h"

#include <glob.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/texts_folder.h"
#include "domain/language_tag.h"
#include "domain/texts.h"
#include "util/alloc.h"
#include "util/buffer.h"
#include "util/log.h"
#include "util/text.h"
#include "web/cookie.h"
#include "web/template.h"

#define FILE_SIZE_MAX ((size_t)512 * 1024)
#define FILES_MAX     100
#define LANGUAGE_LIFE (365 * 24 * 3600)
#define FIELDS_MAX    16
#define ASSETS        "/assets/"
#define CONTENT_POLICY                                                                             \
	"default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "                \
	"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

const struct setting site_settings[] = {
    {"pages.folder", SETTING_STRING, "deploy/pages", 1, 1000, "folder of the page templates"},
    {"assets.folder", SETTING_STRING, "deploy/assets", 1, 1000,
     "folder of style sheet and pictures"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct files {
	glob_t found;
	struct file {
		const char *name;
		char *text;
		size_t size;
	} list[FILES_MAX];
	size_t count;
};

struct content {
	struct texts *texts;
	struct templates *templates;
	struct files assets;
	char version[17]; /* of the assets, in their addresses */
};

struct site {
	pthread_rwlock_t lock;
	struct content *content;
};

/* ---- loading -------------------------------------------------------------------------------- */

static void close_files(struct files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->list[i].text);
	globfree(&files->found);
	files->count = 0;
}

static int add_file(struct files *files, const char *path, struct err *err)
{
	char reason[160];
	struct file *file = &files->list[files->count];
	file->name = strrchr(path, '/') + 1;
	file->text = text_read_file(path, FILE_SIZE_MAX, &file->size, reason);
	if (!file->text)
		return err_set(err, "%s", reason);
	files->count++;
	return 0;
}

static int open_files(struct files *files, const struct settings *settings, const char *setting,
		      const char *ending, struct err *err)
{
	const char *folder = settings_str(settings, setting);
	char *pattern = x_printf("%s/*%s", folder, ending);
	int result = glob(pattern, 0, NULL, &files->found) || files->found.gl_pathc > FILES_MAX
			 ? err_set(err, "%s: %.150s holds no *%s, or more than %d", setting, folder,
				   ending, FILES_MAX)
			 : 0;
	free(pattern);
	for (size_t i = 0; !result && i < files->found.gl_pathc; i++)
		result = add_file(files, files->found.gl_pathv[i], err);
	return result;
}

static struct templates *load_templates(const struct settings *settings, const struct texts *texts,
					struct err *err)
{
	struct files files = {0};
	struct template_file list[FILES_MAX];
	struct templates *templates = NULL;
	if (!open_files(&files, settings, "pages.folder", ".html", err)) {
		for (size_t i = 0; i < files.count; i++)
			list[i] = (struct template_file){files.list[i].name, files.list[i].text,
							 files.list[i].size};
		templates = templates_parse(list, files.count, texts, err);
	}
	close_files(&files);
	return templates;
}

static void version_assets(struct content *content)
{
	uint8_t hash[16];
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	for (size_t i = 0; i < content->assets.count; i++)
		crypto_generichash_update(&state, (const uint8_t *)content->assets.list[i].text,
					  content->assets.list[i].size);
	crypto_generichash_final(&state, hash, sizeof(hash));
	text_hex(content->version, hash, 8);
}

static void free_content(struct content **content)
{
	if (!*content)
		return;
	texts_free(&(*content)->texts);
	templates_free(&(*content)->templates);
	close_files(&(*content)->assets);
	free(*content);
	*content = NULL;
}

static struct content *load_content(const struct settings *settings, struct err *err)
{
	struct content *content = x_calloc(1, sizeof(*content));
	content->texts = texts_load(settings, err);
	content->templates = content->texts ? load_templates(settings, content->texts, err) : NULL;
	if (!content->templates || open_files(&content->assets, settings, "assets.folder", "", err))
		free_content(&content);
	else
		version_assets(content);
	return content;
}

struct site *site_load(const struct settings *settings, struct err *err)
{
	struct content *content = load_content(settings, err);
	if (!content)
		return NULL;
	struct site *site = x_calloc(1, sizeof(*site));
	pthread_rwlock_init(&site->lock, NULL);
	site->content = content;
	return site;
}

void site_free(struct site **site)
{
	if (!*site)
		return;
	free_content(&(*site)->content);
	pthread_rwlock_destroy(&(*site)->lock);
	free(*site);
	*site = NULL;
}

int site_reload(struct site *site, const struct settings *settings, struct err *err)
{
	struct content *fresh = load_content(settings, err), *old;
	if (!fresh)
		return -1;
	pthread_rwlock_wrlock(&site->lock);
	old = site->content;
	site->content = fresh;
	pthread_rwlock_unlock(&site->lock);
	free_content(&old);
	return 0;
}

const struct texts *site_texts_borrow(struct site *site)
{
	pthread_rwlock_rdlock(&site->lock);
	return site->content->texts;
}

void site_texts_return(struct site *site)
{
	pthread_rwlock_unlock(&site->lock);
}

/* ---- assets --------------------------------------------------------------------------------- */

static const char *type_of(const char *name)
{
	const char *dot = strrchr(name, '.');
	return !dot                       ? "application/octet-stream"
	       : strcmp(dot, ".css") == 0 ? "text/css; charset=utf-8"
	       : strcmp(dot, ".svg") == 0 ? "image/svg+xml"
	       : strcmp(dot, ".js") == 0  ? "text/javascript; charset=utf-8"
					  : "application/octet-stream";
}

bool site_asset(struct site *site, struct http_request *request)
{
	static const struct http_field fields[] = {
	    {"Cache-Control", "public, max-age=31536000, immutable"},
	    {"X-Content-Type-Options", "nosniff"},
	    {NULL, NULL}};
	const char *path = http_path(request);
	bool found = false;
	if (strncmp(path, ASSETS, sizeof(ASSETS) - 1) != 0)
		return false;
	pthread_rwlock_rdlock(&site->lock);
	const struct files *assets = &site->content->assets;
	for (size_t i = 0; !found && i < assets->count; i++) {
		const struct file *file = &assets->list[i];
		found = strcmp(file->name, path + sizeof(ASSETS) - 1) == 0;
		if (found)
			http_reply(request, 200, type_of(file->name), fields, file->text,
				   file->size);
	}
	pthread_rwlock_unlock(&site->lock);
	return found;
}

/* ---- language ------------------------------------------------------------------------------- */

/* The tag as the site writes it; NULL: it has no such language. */
static const char *own_tag(const struct texts *texts, const char *tag)
{
	for (const char *const *own = texts_tags(texts); tag && *own; own++) {
		if (strcasecmp(*own, tag) == 0)
			return *own;
	}
	return NULL;
}

static const char *tag_at(const void *list, size_t i)
{
	return ((const char *const *)list)[i];
}

static const char *choose_language(const struct texts *texts, struct http_request *request)
{
	char preferences[LANGUAGE_PREFERENCES_SIZE];
	const char *chosen = own_tag(texts, http_query(request, "lang"));
	if (!chosen)
		chosen = own_tag(texts, cookie_read(request, "lang"));
	if (chosen)
		return chosen;
	const char *const *tags = texts_tags(texts);
	size_t count = 0;
	while (tags[count])
		count++;
	int found = language_lookup(
	    language_preferences(http_header(request, "Accept-Language"), preferences), tag_at,
	    tags, count);
	return found < 0 ? TEXTS_REFERENCE : tags[found];
}

const char *site_language(struct site *site, struct http_request *request)
{
	pthread_rwlock_rdlock(&site->lock);
	const char *tag =
	    arena_strdup(http_arena(request), choose_language(site->content->texts, request));
	pthread_rwlock_unlock(&site->lock);
	return tag;
}

/* Every language by its own name; current: of the page; chosen: in a form. */
static json_t *list_languages(const struct texts *texts, const char *current, const char *chosen)
{
	json_t *list = json_array();
	for (const char *const *tag = texts_tags(texts); *tag; tag++) {
		struct buffer name = {0};
		texts_write(texts_language(texts, *tag), "name", &message_no_values, &name);
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b}", "tag", *tag, "name",
						      name.data ? name.data : *tag, "current",
						      strcmp(*tag, current) == 0, "chosen",
						      chosen && strcmp(*tag, chosen) == 0));
		buffer_free(&name);
	}
	return list;
}

/* ---- pages ---------------------------------------------------------------------------------- */

static void render(const struct content *content, const char *language, const char *page,
		   json_t *view, struct buffer *out)
{
	const struct texts_language *texts = texts_language(content->texts, language);
	json_object_set_new(view, "page", json_string(page));
	json_object_set_new(view, "language", json_string(language));
	json_object_set_new(view, "direction", json_string(texts_direction(texts)));
	json_object_set_new(
	    view, "languages",
	    list_languages(content->texts, language,
			   json_string_value(json_object_get(view, "chosen_language"))));
	json_object_set_new(view, "assets", json_string(content->version));
	if (templates_render(content->templates, page, view, texts, out))
		log_error(0, "there is no page %s", page);
}

static size_t add_fields(struct http_field *all, size_t count, const struct http_field *fields)
{
	for (; fields && fields->name && count + 1 < FIELDS_MAX; fields++)
		all[count++] = *fields;
	return count;
}

void site_page(struct site *site, struct http_request *request, int status, const char *page,
	       json_t *view, const struct http_field *fields)
{
	struct buffer out = {0};
	const char *language = site_language(site, request);
	struct http_field all[FIELDS_MAX] = {
	    {"Cache-Control", "no-store"},
	    {"Content-Language", language},
	    {"Content-Security-Policy", CONTENT_POLICY},
	    {"Referrer-Policy", "no-referrer"},
	    {"X-Content-Type-Options", "nosniff"},
	    {"Vary", "Accept, Accept-Language, Cookie"},
	};
	size_t count = 6;
	if (http_query(request, "lang"))
		all[count++] =
		    (struct http_field){"Set-Cookie", cookie_write(http_arena(request), "lang",
								   language, LANGUAGE_LIFE, false)};
	count = add_fields(all, count, fields);
	all[count] = (struct http_field){NULL, NULL};
	pthread_rwlock_rdlock(&site->lock);
	render(site->content, language, page, view, &out);
	pthread_rwlock_unlock(&site->lock);
	json_decref(view);
	http_reply(request, status, "text/html; charset=utf-8", all, out.data ? out.data : "",
		   out.len);
	buffer_free(&out);
}

const char *site_text(struct site *site, struct http_request *request, const char *key)
{
	struct buffer out = {0};
	const char *language = site_language(site, request);
	pthread_rwlock_rdlock(&site->lock);
	texts_write(texts_language(site->content->texts, language), key, &message_no_values, &out);
	pthread_rwlock_unlock(&site->lock);
	const char *text = arena_strndup(http_arena(request), out.data ? out.data : "", out.len);
	buffer_free(&out);
	return text;
}

void site_redirect(struct http_request *request, const char *path, const struct http_field *fields)
{
	struct http_field all[FIELDS_MAX] = {{"Location", path}, {"Cache-Control", "no-store"}};
	all[add_fields(all, 2, fields)] = (struct http_field){NULL, NULL};
	http_reply(request, 303, NULL, all, "", 0);
}

bool site_is_own_form(const struct http_request *request)
{
	const char *from = http_header(request, "Sec-Fetch-Site");
	const char *origin = http_header(request, "Origin"), *host = http_header(request, "Host");
	if (from)
		return strcmp(from, "same-origin") == 0;
	/* "null" says nothing: our own pages send no referrer */
	const char *named = origin ? strstr(origin, "://") : NULL;
	return !named || (host && strcasecmp(named + 3, host) == 0);
}
