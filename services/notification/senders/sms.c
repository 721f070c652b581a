/*
 * Text messages through an SMS gateway: Kannel's sendsms by POST (User's Guide 1.4.5, "Using the
 * HTTP interface to send SMS messages"), which cuts long ones into parts. A message is the subject
 * and the address of the case's page: the rest is read there.
 */
#include <stdio.h>
#include <string.h>

#include "domain/contact_form.h"
#include "domain/gsm7.h"
#include "sender.h"

#define TRANSFER_S 20L
#define ANSWER_MAX 4096 /* bytes that Kannel has to say */

const struct setting sender_sms_settings[] = {
    {"sms.url", SETTING_STRING, "", 0, 300,
     "Kannel's sendsms, as in http://127.0.0.1:13013/cgi-bin/sendsms; empty: no text messages"},
    {"sms.user", SETTING_STRING, "redress", 1, 100, "its sendsms-user"},
    {"sms.password", SETTING_SECRET, "", 0, 200, "and the password"},
    {"sms.from", SETTING_STRING, "", 0, 20,
     "number or name that is shown as the sender; empty: the gateway's"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

static bool is_set_up(const struct settings *settings)
{
	return *settings_str(settings, "sms.url");
}

static const char *address(const Redress__Contact *contact)
{
	return contact->phone;
}

static const char *accept_number(struct message *message, const struct settings *settings)
{
	const char *number = phone_form(message->arena, message->address);
	if (!number)
		return "not_a_number";
	message->address = number;
	message->host = settings_str(settings, "sms.url");
	message->own = arena_zero(message->arena, sizeof(size_t));
	return NULL;
}

/* ---- the message ---------------------------------------------------------------------------- */

static void add_header(struct message *message, const char *name, const char *value)
{
	message->list =
	    curl_slist_append(message->list, arena_printf(message->arena, "%s: %s", name, value));
}

static size_t drop(char *data, size_t size, size_t count, void *self)
{
	size_t *answered = self;
	(void)data;
	*answered += size * count;
	return *answered > ANSWER_MAX ? 0 : size * count;
}

static void prepare(CURL *transfer, struct message *message, const struct settings *settings)
{
	const char *from = settings_str(settings, "sms.from");
	message->upload = arena_printf(message->arena, "%s %s", message->subject, message->link);
	add_header(message, "Content-Type", "text/plain; charset=UTF-8");
	add_header(message, "X-Kannel-Username", settings_str(settings, "sms.user"));
	add_header(message, "X-Kannel-Password", settings_str(settings, "sms.password"));
	add_header(message, "X-Kannel-To", message->address);
	add_header(message, "X-Kannel-Coding", KANNEL_CODING(message->upload));
	if (*from)
		add_header(message, "X-Kannel-From", from);
	curl_easy_setopt(transfer, CURLOPT_TIMEOUT, TRANSFER_S);
	curl_easy_setopt(transfer, CURLOPT_URL, settings_str(settings, "sms.url"));
	curl_easy_setopt(transfer, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(transfer, CURLOPT_PROXY, "");
	curl_easy_setopt(transfer, CURLOPT_HTTPHEADER, message->list);
	curl_easy_setopt(transfer, CURLOPT_POSTFIELDS, message->upload);
	curl_easy_setopt(transfer, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(transfer, CURLOPT_WRITEDATA, message->own);
}

/* What the gateway has taken it delivers, or goes on trying. */
static struct ending ending(CURL *transfer, CURLcode code, struct message *message)
{
	long status = 0;
	curl_easy_getinfo(transfer, CURLINFO_RESPONSE_CODE, &status);
	snprintf(message->answer, sizeof(message->answer), "HTTP %ld (libcurl %d)", status,
		 (int)code);
	return gateway_ending(code == CURLE_OK ? (int)status : 0);
}

const struct sender sender_sms = {
    .name = "sms",
    .relay = true,
    .is_set_up = is_set_up,
    .address = address,
    .accept = accept_number,
    .prepare = prepare,
    .ending = ending,
};
