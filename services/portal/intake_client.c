#include "intake_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/buffer.h"
#include "util/log.h"

#define BODY_MAX   65536
#define CONNECT_MS 2000L

const struct setting intake_client_settings[] = {
    {"portal.intake_url", SETTING_STRING, "http://127.0.0.1:8080", 8, 500,
     "where intake takes grievances: http://host:port"},
    {"portal.intake_timeout", SETTING_DURATION, "10s", 100, 120000,
     "for intake's answer to a grievance that was filed on a page"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct intake_client {
	char *url;
	int64_t timeout_ms;
};

struct intake_client *intake_client_new(const struct settings *settings)
{
	struct intake_client *client = x_calloc(1, sizeof(*client));
	client->url = x_strdup(settings_str(settings, "portal.intake_url"));
	client->timeout_ms = settings_int(settings, "portal.intake_timeout");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	return client;
}

void intake_client_free(struct intake_client **client)
{
	if (!*client)
		return;
	free((*client)->url);
	free(*client);
	*client = NULL;
	curl_global_cleanup();
}

static size_t take(char *data, size_t size, size_t count, void *self)
{
	struct buffer *body = self;
	if (body->len + size * count > BODY_MAX)
		return 0;
	buffer_add(body, data, size * count);
	return size * count;
}

/* What is sent. */
struct parcel {
	const char *path, *type, *key; /* key: may be NULL */
	const char *body;
	size_t size;
	const struct net_address *for_whom;
};

static struct curl_slist *fields(struct arena *arena, const struct parcel *parcel)
{
	char address[NET_ADDRESS_TEXT_SIZE];
	struct curl_slist *list =
	    curl_slist_append(NULL, arena_printf(arena, "Content-Type: %s", parcel->type));
	if (parcel->key)
		list = curl_slist_append(list,
					 arena_printf(arena, "Idempotency-Key: %s", parcel->key));
	list = curl_slist_append(list, arena_printf(arena, "X-Forwarded-For: %s",
						    net_address_format(parcel->for_whom, address)));
	return curl_slist_append(list, "Expect:");
}

/* Whether a failure was before intake could have got anything. */
static bool is_before(CURLcode code)
{
	return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
	       code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_URL_MALFORMAT;
}

static int send_parcel(struct intake_client *client, struct arena *arena,
		       const struct parcel *parcel, struct intake_answer *answer, struct err *err)
{
	struct buffer body = {0};
	long status = 0;
	curl_off_t wait_s = 0;
	CURL *curl = curl_easy_init();
	if (!curl)
		fatal("libcurl has no more handles");
	struct curl_slist *list = fields(arena, parcel);
	curl_easy_setopt(curl, CURLOPT_URL, arena_printf(arena, "%s%s", client->url, parcel->path));
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, parcel->body);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)parcel->size);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)client->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait_s);
	curl_easy_cleanup(curl);
	curl_slist_free_all(list);
	*answer = (struct intake_answer){code ? 0 : (int)status,
					 arena_strndup(arena, body.data ? body.data : "", body.len),
					 (unsigned)wait_s};
	buffer_free(&body);
	if (code)
		err_set(err, "intake: %s", curl_easy_strerror(code));
	return !code || is_before(code) ? 0 : -1;
}

int intake_client_submit(struct intake_client *client, struct arena *arena, const char *json,
			 const char *idempotency_key, const struct net_address *for_whom,
			 struct intake_answer *answer, struct err *err)
{
	const struct parcel parcel = {
	    "/v1/grievances", "application/json", idempotency_key, json, strlen(json), for_whom};
	return send_parcel(client, arena, &parcel, answer, err);
}

/* No field can be made into two: the parser lets none with a line end through. */
int intake_client_pass(struct intake_client *client, struct http_request *request,
		       struct intake_answer *answer, struct err *err)
{
	const char *type = http_header(request, "Content-Type");
	const char *query = http_query_text(request);
	struct parcel parcel = {
	    .path = query ? arena_printf(http_arena(request), "%s?%s", http_path(request), query)
			  : http_path(request),
	    .type = type ? type : "application/octet-stream",
	    .key = http_header(request, "Idempotency-Key"),
	    .for_whom = http_peer(request)};
	parcel.body = http_body(request, &parcel.size);
	return send_parcel(client, http_arena(request), &parcel, answer, err);
}
