/*
 * The citizen's own system: POST of JSON, signed as Standard Webhooks 1.0.0 says (webhook-id,
 * webhook-timestamp, webhook-signature: v1,base64(HMAC-SHA256(secret, "id.timestamp.body"))).
 */
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domain/wire_address.h"
#include "sender.h"
#include "util/clock.h"

#define TRANSFER_S 20L
#define SILENT_S   10L   /* without a byte */
#define ANSWER_MAX 65536 /* bytes of an answer nobody reads */

const struct setting sender_webhook_settings[] = {
    {"webhook.secret", SETTING_SECRET, "", 0, 200, "signs webhooks; empty: no webhooks"},
    {"webhook.allow_private", SETTING_BOOL, "no", 0, 0,
     "also call loopback and private addresses (for tests)"},
    {"webhook.ca_file", SETTING_STRING, "", 0, 1000,
     "certificates to trust instead of the system's"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

static bool is_set_up(const struct settings *settings)
{
	return *settings_str(settings, "webhook.secret");
}

static const char *address(const Redress__Contact *contact)
{
	return contact->webhook;
}

/* Addresses inside: nobody's own webhook, but perhaps somebody's way to what is not public. */
static bool is_private4(uint32_t ip)
{
	static const struct {
		uint32_t net, mask;
	} inside[] = {{0x00000000, 0xFF000000}, {0x0A000000, 0xFF000000}, {0x64400000, 0xFFC00000},
		      {0x7F000000, 0xFF000000}, {0xA9FE0000, 0xFFFF0000}, {0xAC100000, 0xFFF00000},
		      {0xC0000000, 0xFFFFFF00}, {0xC0A80000, 0xFFFF0000}, {0xC6120000, 0xFFFE0000},
		      {0xE0000000, 0xE0000000}};
	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
		if ((ip & inside[i].mask) == inside[i].net)
			return true;
	}
	return false;
}

static bool is_private6(const struct in6_addr *ip)
{
	uint32_t last;
	memcpy(&last, ip->s6_addr + 12, sizeof(last));
	if (IN6_IS_ADDR_V4MAPPED(ip) || IN6_IS_ADDR_V4COMPAT(ip))
		return is_private4(ntohl(last));
	memcpy(&last, ip->s6_addr + 2, sizeof(last));
	if (ip->s6_addr[0] == 0x20 && ip->s6_addr[1] == 0x02) /* 6to4, RFC 3056 */
		return is_private4(ntohl(last));
	return (ip->s6_addr[0] & 0xE0) != 0x20; /* 2000::/3 is what is public */
}

struct hook {
	bool inside;     /* its host has an address inside */
	size_t answered; /* bytes */
};

/* Looks at the address that is really called, after names are resolved. */
static curl_socket_t open_public(void *self, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct hook *hook = self;
	(void)purpose;
	bool inside = true;
	if (to->family == AF_INET)
		inside =
		    is_private4(ntohl(((struct sockaddr_in *)(void *)&to->addr)->sin_addr.s_addr));
	else if (to->family == AF_INET6)
		inside = is_private6(&((struct sockaddr_in6 *)(void *)&to->addr)->sin6_addr);
	hook->inside = inside;
	return inside ? CURL_SOCKET_BAD
		      : socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* ---- the address ---------------------------------------------------------------------------- */

static bool is_ascii(const char *text)
{
	while (*text && (unsigned char)*text < 0x80)
		text++;
	return !*text;
}

/* A copy of the URL's part in the arena; NULL: it has none. */
static const char *part_of(struct arena *arena, CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = NULL;
	if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
		return NULL;
	const char *copy = arena_strdup(arena, text);
	curl_free(text);
	return copy;
}

static const char *read_url(CURLU *url, struct message *message)
{
	char wire[WIRE_DOMAIN_SIZE];
	if (curl_url_set(url, CURLUPART_URL, message->address,
			 CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE) != CURLUE_OK)
		return "not_a_url";
	const char *scheme = part_of(message->arena, url, CURLUPART_SCHEME, 0);
	const char *host = part_of(message->arena, url, CURLUPART_HOST, 0);
	const char *port = part_of(message->arena, url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	if (!scheme || strcmp(scheme, "https") != 0)
		return "not_https";
	if (!host || !*host)
		return "not_a_url";
	if (!is_ascii(host)) {
		if (!wire_domain(host, wire) ||
		    curl_url_set(url, CURLUPART_HOST, wire, 0) != CURLUE_OK)
			return "not_a_url";
		host = wire;
	}
	message->address = part_of(message->arena, url, CURLUPART_URL, 0);
	message->host = arena_printf(message->arena, "%s:%s", host, port ? port : "");
	return message->address && is_ascii(message->address) ? NULL : "not_a_url";
}

static const char *accept_url(struct message *message, const struct settings *settings)
{
	(void)settings;
	CURLU *url = curl_url();
	const char *reason = read_url(url, message);
	curl_url_cleanup(url);
	message->own = arena_zero(message->arena, sizeof(struct hook));
	return reason;
}

/* ---- the message ---------------------------------------------------------------------------- */

static const char *signature(struct message *message, const char *secret, const char *timestamp)
{
	crypto_auth_hmacsha256_state state;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];
	char text[64];
	const char *parts[] = {message->id, ".", timestamp, ".", message->upload};
	crypto_auth_hmacsha256_init(&state, (const uint8_t *)secret, strlen(secret));
	for (size_t i = 0; i < 5; i++)
		crypto_auth_hmacsha256_update(&state, (const uint8_t *)parts[i], strlen(parts[i]));
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_bin2base64(text, sizeof(text), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
	return arena_strdup(message->arena, text);
}

static size_t drop(char *data, size_t size, size_t count, void *self)
{
	struct hook *hook = self;
	(void)data;
	hook->answered += size * count;
	return hook->answered > ANSWER_MAX ? 0 : size * count;
}

static void prepare(CURL *transfer, struct message *message, const struct settings *settings)
{
	char time[CLOCK_RFC3339_SIZE];
	const char *timestamp =
	    arena_printf(message->arena, "%lld", (long long)(message->now_ms / 1000));
	json_t *body = json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s}}", "type", message->kind,
				 "timestamp", clock_rfc3339(message->now_ms, time), "data",
				 "case_number", message->number, "subject", message->subject,
				 "text", message->body, "status_url", message->url);
	char *text = json_dumps(body, JSON_COMPACT);
	message->upload = arena_strdup(message->arena, text);
	free(text);
	json_decref(body);
	const char *const headers[] = {
	    "Content-Type: application/json",
	    arena_printf(message->arena, "webhook-id: %s", message->id),
	    arena_printf(message->arena, "webhook-timestamp: %s", timestamp),
	    arena_printf(message->arena, "webhook-signature: v1,%s",
			 signature(message, settings_str(settings, "webhook.secret"), timestamp))};
	for (size_t i = 0; i < 4; i++)
		message->list = curl_slist_append(message->list, headers[i]);
	curl_easy_setopt(transfer, CURLOPT_TIMEOUT, TRANSFER_S);
	curl_easy_setopt(transfer, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(transfer, CURLOPT_LOW_SPEED_TIME, SILENT_S);
	curl_easy_setopt(transfer, CURLOPT_URL, message->address);
	curl_easy_setopt(transfer, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(transfer, CURLOPT_HTTPHEADER, message->list);
	curl_easy_setopt(transfer, CURLOPT_POSTFIELDS, message->upload);
	curl_easy_setopt(transfer, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(transfer, CURLOPT_WRITEDATA, message->own);
	curl_easy_setopt(transfer, CURLOPT_OPENSOCKETDATA, message->own);
	curl_easy_setopt(transfer, CURLOPT_PROXY, "");
	if (!settings_bool(settings, "webhook.allow_private"))
		curl_easy_setopt(transfer, CURLOPT_OPENSOCKETFUNCTION, open_public);
	if (*settings_str(settings, "webhook.ca_file"))
		curl_easy_setopt(transfer, CURLOPT_CAINFO,
				 settings_str(settings, "webhook.ca_file"));
}

static bool is_our_certificate(CURLcode code)
{
	return code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM ||
	       code == CURLE_SSL_ENGINE_INITFAILED || code == CURLE_FAILED_INIT;
}

static struct ending ending(CURL *transfer, CURLcode code, struct message *message)
{
	const struct hook *hook = message->own;
	long status = 0;
	curl_off_t wait_s = 0;
	curl_easy_getinfo(transfer, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(transfer, CURLINFO_RETRY_AFTER, &wait_s);
	snprintf(message->answer, sizeof(message->answer), "HTTP %ld (libcurl %d)", status,
		 (int)code);
	if (is_our_certificate(code))
		return (struct ending){VERDICT_OURS, "our_certificates", true, 0};
	if (hook->inside && code != CURLE_OK)
		return (struct ending){VERDICT_LATER, "not_public", true, 0};
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return (struct ending){VERDICT_LATER, "bad_certificate", true, 0};
	/* an answer that was too long was an answer */
	return webhook_ending(code == CURLE_OK || code == CURLE_WRITE_ERROR ? (int)status : 0,
			      wait_s);
}

const struct sender sender_webhook = {
    .name = "webhook",
    .is_set_up = is_set_up,
    .address = address,
    .accept = accept_url,
    .prepare = prepare,
    .ending = ending,
};
