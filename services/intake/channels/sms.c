/*
 * Text messages, as an SMS gateway hands them in: Kannel's sms-service with a post-url
 * (https://www.kannel.org/download/1.4.5/userguide-1.4.5/userguide.html, "SMS-service"), which
 * joins the parts of a long message and brings every alphabet into UTF-8. The message is the body,
 * who sent it X-Kannel-From; the gateway names itself by Basic authentication. The answer's body
 * goes back to the citizen as a message: number and code, or what was wrong.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "channel.h"
#include "client/texts_folder.h"
#include "domain/contact_form.h"
#include "domain/gsm7.h"
#include "util/alloc.h"
#include "util/buffer.h"
#include "web/api_keys.h"

#define BODY_MAX        ((size_t)16 * 1024) /* of 255 parts, the most there can be */
#define CREDENTIALS_MAX 400
#define BASIC           "Basic "

const struct setting channel_sms_settings[] = {
    {"sms.keys", SETTING_STRING, "", 0, 1000,
     "file of the gateways that hand in text messages, lines \"name password\"; without it none "
     "may"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL}};

struct sms {
	struct api_keys *gateways;
	struct texts *texts;
};

/* ---- life ----------------------------------------------------------------------------------- */

static void stop(void *self)
{
	struct sms *sms = self;
	if (!sms)
		return;
	api_keys_free(&sms->gateways);
	texts_free(&sms->texts);
	free(sms);
}

static int start(const struct settings *settings, void **self, struct err *err)
{
	struct sms *sms = x_calloc(1, sizeof(*sms));
	sms->gateways = api_keys_load(settings_str(settings, "sms.keys"), err);
	sms->texts = sms->gateways ? texts_load(settings, err) : NULL;
	if (!sms->texts) {
		stop(sms);
		return -1;
	}
	*self = sms;
	return 0;
}

static int reload(void *self, const struct settings *settings, struct err *err)
{
	struct sms *sms = self;
	return api_keys_reload(sms->gateways, settings_str(settings, "sms.keys"), err);
}

/* ---- who ------------------------------------------------------------------------------------ */

static bool refuse(struct problem *problem, int status, const char *code, const char *field,
		   const char *detail)
{
	*problem = (struct problem){status, code, field, detail};
	return false;
}

/* "name:password" of RFC 7617, in the arena; NULL: there are none. */
static char *credentials(struct channel_request *request)
{
	const char *given = http_header(request->http, "Authorization");
	char *text = arena_zero(request->arena, CREDENTIALS_MAX);
	if (!given || strncasecmp(given, BASIC, sizeof(BASIC) - 1) != 0)
		return NULL;
	given += sizeof(BASIC) - 1;
	return sodium_base642bin((unsigned char *)text, CREDENTIALS_MAX - 1, given, strlen(given),
				 NULL, NULL, NULL, sodium_base64_VARIANT_ORIGINAL)
		   ? NULL
		   : text;
}

static bool check(struct channel_request *request, struct problem *problem)
{
	const struct sms *sms = request->self;
	char *name = credentials(request), *colon = name ? strchr(name, ':') : NULL;
	if (colon) {
		*colon = '\0';
		request->sender = api_keys_holder(sms->gateways, request->arena, colon + 1);
	}
	if (!request->sender || strcmp(request->sender, name) != 0)
		return refuse(problem, 403, "wrong-key", "Authorization",
			      "only a known gateway may hand in messages");
	return true;
}

/* ---- the message ---------------------------------------------------------------------------- */

/* Kannel puts the value of charset into quotes. */
static bool is_utf8_text(const char *type)
{
	static const char plain[] = "text/plain";
	if (!type || strncasecmp(type, plain, sizeof(plain) - 1) != 0)
		return false;
	const char *charset = strcasestr(type, "charset=");
	charset = charset ? charset + strlen("charset=") : "UTF-8";
	charset += *charset == '"';
	return strncasecmp(charset, "UTF-8", 5) == 0 && strchr("\"; ", charset[5]) != NULL;
}

/* A number that cannot be answered, such as a short code or a name, stays in the text. */
static void read_sender(struct channel_request *request, struct submission *submission,
			const char *text)
{
	const char *from = http_header(request->http, "X-Kannel-From");
	const char *number = from ? phone_form(request->arena, from) : NULL;
	if (number)
		submission->contact.phone = (char *)(uintptr_t)number;
	else if (from && *from)
		text = arena_printf(request->arena, "%s\n(%s)", text, from);
	submission->text.description = (char *)(uintptr_t)text;
}

static bool read(struct channel_request *request, struct problem *problem)
{
	size_t size;
	const char *body = http_body(request->http, &size), *id = http_query(request->http, "id");
	if (!is_utf8_text(http_header(request->http, "Content-Type")))
		return refuse(problem, 415, "wrong-content-type", "Content-Type",
			      "must be text/plain; charset=UTF-8");
	struct channel_item *item = channel_items(request, 1);
	if (memchr(body, '\0', size))
		return refuse(problem, 400, "invalid", "body", "holds a NUL");
	item->idempotency_key = id && *id ? id : NULL;
	request->own = arena_strdup(request->arena, request->catalogue->default_language);
	read_sender(request, &item->submission, arena_strndup(request->arena, body, size));
	return true;
}

/* ---- what the citizen is told --------------------------------------------------------------- */

static bool find(void *self, const char *name, struct message_value *value)
{
	const struct receipt *receipt = self;
	if (strcmp(name, "number") == 0)
		value->text = receipt->number;
	else if (strcmp(name, "code") == 0)
		value->text = receipt->code;
	else
		return false;
	return true;
}

/* In the nation's language: what the message is written in is not known yet. */
static void tell(struct channel_request *request, const char *key, const struct receipt *receipt)
{
	const struct sms *sms = request->self;
	const struct message_values values = {find, (void *)(uintptr_t)receipt, false};
	struct buffer text = {0};
	texts_write(texts_for(sms->texts, request->own), key, &values, &text);
	buffer_add_str(&text, "");
	const struct http_field fields[] = {{"Cache-Control", "no-store"},
					    {"X-Kannel-Coding", KANNEL_CODING(text.data)},
					    {NULL, NULL}};
	http_reply(request->http, 200, "text/plain; charset=utf-8", fields, text.data, text.len);
	buffer_free(&text);
}

/* What may be sent again the gateway must send again; for all else there is no other answer that
 * the citizen would see. */
static void reply(struct channel_request *request)
{
	const struct channel_item *item = &request->items[0];
	int status = item->problem.status;
	if (item->taken)
		tell(request, "sms.taken", &item->receipt);
	else if (status == 429 || status >= 500)
		channel_problem(request, &item->problem);
	else
		tell(request, "sms.refused", &item->receipt);
}

static const struct channel_route routes[] = {
    {.method = "POST",
     .path = "/v1/sms",
     .body_max = BODY_MAX,
     .check = check,
     .read = read,
     .reply = reply},
};

const struct channel channel_sms = {
    .name = "sms",
    .routes = routes,
    .route_count = sizeof(routes) / sizeof(*routes),
    .start = start,
    .reload = reload,
    .stop = stop,
};
