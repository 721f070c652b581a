/* E-mail over SMTP: RFC 5322 message, RFC 2047 subject, text in base64 (RFC 2045). */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "domain/wire_address.h"
#include "sender.h"

#define TRANSFER_S 60L
#define WORD_BYTES 42 /* of a subject in one encoded word: 56 characters of base64 */

const struct setting sender_email_settings[] = {
    {"smtp.url", SETTING_STRING, "", 0, 300,
     "mail server, smtp://host:port or smtps://; empty: no e-mail"},
    {"smtp.from", SETTING_STRING, "redress@localhost.localdomain", 3, 254, "sender of e-mails"},
    {"smtp.user", SETTING_STRING, "", 0, 200, "account at the mail server"},
    {"smtp.password", SETTING_SECRET, "", 0, 200, "its password"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

static bool is_set_up(const struct settings *settings)
{
	return *settings_str(settings, "smtp.url");
}

static const char *address(const Redress__Contact *contact)
{
	return contact->email;
}

/* ---- the dialogue with the mail server ------------------------------------------------------ */

struct dialogue {
	enum smtp_stage stage;
	struct smtp_reply reply; /* to the stage's command */
	bool international;      /* the address needs SMTPUTF8 */
	bool offered, missed;    /* SMTPUTF8: by the server; and so it was not sent */
	bool over;               /* the session is being closed: that says nothing of the message */
};

static const char *accept_address(struct message *message, const struct settings *settings)
{
	char wire[WIRE_EMAIL_SIZE];
	struct dialogue *dialogue = arena_zero(message->arena, sizeof(*dialogue));
	if (!wire_email(message->address, wire, &dialogue->international))
		return "not_an_address";
	message->address = arena_strdup(message->arena, wire);
	message->host = settings_str(settings, "smtp.url");
	message->own = dialogue;
	return NULL;
}

/* Which command was sent; libcurl says so here only. */
static int see_command(CURL *transfer, curl_infotype type, char *data, size_t size, void *self)
{
	(void)transfer;
	struct dialogue *dialogue = ((struct message *)self)->own;
	char word[16] = "";
	if (type != CURLINFO_HEADER_OUT)
		return 0;
	memcpy(word, data, size < sizeof(word) - 1 ? size : sizeof(word) - 1);
	/* libcurl takes its leave before it says that the transfer has ended, also after a refusal
	 */
	dialogue->over = dialogue->over || strncmp(word, "QUIT", 4) == 0;
	if (dialogue->over)
		return 0;
	dialogue->stage = smtp_stage_of(word, dialogue->stage);
	dialogue->reply.code = 0;
	return 0;
}

/* A reply's line. Not to take it ends the transfer: before the address is named to a server that
 * cannot take it. */
static size_t see_reply(char *data, size_t size, size_t count, void *self)
{
	struct dialogue *dialogue = ((struct message *)self)->own;
	char line[64] = "";
	size *= count;
	memcpy(line, data, size < sizeof(line) - 1 ? size : sizeof(line) - 1);
	if (dialogue->over)
		return size;
	if (smtp_reply_read(line, &dialogue->reply) && dialogue->stage == SMTP_EHLO &&
	    strncasecmp(line + 4, "SMTPUTF8", 8) == 0)
		dialogue->offered = true;
	dialogue->missed = dialogue->international && !dialogue->offered &&
			   dialogue->stage == SMTP_MAIL && dialogue->reply.code / 100 == 2;
	return dialogue->missed ? 0 : size;
}

static void listen_to(CURL *transfer, struct message *message)
{
	const struct dialogue *dialogue = message->own;
	curl_easy_setopt(transfer, CURLOPT_VERBOSE, 1L); /* else DEBUGFUNCTION is not called */
	curl_easy_setopt(transfer, CURLOPT_DEBUGFUNCTION, see_command);
	curl_easy_setopt(transfer, CURLOPT_DEBUGDATA, message);
	curl_easy_setopt(transfer, CURLOPT_HEADERFUNCTION, see_reply);
	curl_easy_setopt(transfer, CURLOPT_HEADERDATA, message);
	if (dialogue->international) /* what the server offers is heard on a new connection only */
		curl_easy_setopt(transfer, CURLOPT_FRESH_CONNECT, 1L);
}

static struct ending ending(CURL *transfer, CURLcode code, struct message *message)
{
	(void)transfer;
	const struct dialogue *dialogue = message->own;
	const int *detail = dialogue->reply.detail;
	if (code == CURLE_OK)
		return (struct ending){VERDICT_DELIVERED, NULL, false, 0};
	if (dialogue->missed)
		return (struct ending){VERDICT_REFUSED, "no_smtputf8", false, 0};
	snprintf(message->answer, sizeof(message->answer), "%s: %d %d.%d.%d (libcurl %d)",
		 smtp_stage_name(dialogue->stage), dialogue->reply.code, detail[0], detail[1],
		 detail[2], (int)code);
	return smtp_ending(dialogue->stage, &dialogue->reply);
}

/* ---- the message ---------------------------------------------------------------------------- */

static char *base64(struct arena *arena, const char *data, size_t size)
{
	size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
	char *text = arena_take(arena, room);
	return sodium_bin2base64(text, room, (const unsigned char *)data, size,
				 sodium_base64_VARIANT_ORIGINAL);
}

/* Encoded words of whole characters, one a line. */
static const char *encoded_subject(struct arena *arena, const char *subject)
{
	const char *out = "";
	for (size_t left = strlen(subject); left;) {
		size_t part = left < WORD_BYTES ? left : WORD_BYTES;
		while (part < left && ((unsigned char)subject[part] & 0xC0) == 0x80)
			part--;
		out = arena_printf(arena, "%s%s=?UTF-8?B?%s?=", out, *out ? "\r\n " : "",
				   base64(arena, subject, part));
		subject += part;
		left -= part;
	}
	return out;
}

static const char *encoded_body(struct arena *arena, const char *body)
{
	char *text = base64(arena, body, strlen(body));
	const char *out = "";
	for (size_t left = strlen(text); left;) {
		size_t part = left < 76 ? left : 76;
		out = arena_printf(arena, "%s%.*s\r\n", out, (int)part, text);
		text += part;
		left -= part;
	}
	return out;
}

static size_t read_upload(char *out, size_t size, size_t count, void *self)
{
	struct message *message = self;
	size_t part = size * count < message->upload_left ? size * count : message->upload_left;
	memcpy(out, message->upload, part);
	message->upload += part;
	message->upload_left -= part;
	return part;
}

static void prepare(CURL *transfer, struct message *message, const struct settings *settings)
{
	char date[64];
	struct tm utc;
	time_t now = (time_t)(message->now_ms / 1000);
	const char *from = settings_str(settings, "smtp.from");
	const char *host = strchr(from, '@') ? strchr(from, '@') + 1 : "localhost";
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&now, &utc));
	/* the same message sent twice has one Message-ID: mail programs show it once */
	message->upload = arena_printf(
	    message->arena,
	    "Date: %s\r\nFrom: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%s@%s>\r\n"
	    "Auto-Submitted: auto-generated\r\nX-Case-Number: %s\r\nMIME-Version: 1.0\r\n"
	    "Content-Language: %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n%s",
	    date, from, message->address, encoded_subject(message->arena, message->subject),
	    message->id, host, message->number, message->language,
	    encoded_body(message->arena, message->body));
	message->upload_left = strlen(message->upload);
	message->list = curl_slist_append(NULL, message->address);
	listen_to(transfer, message);
	curl_easy_setopt(transfer, CURLOPT_TIMEOUT, TRANSFER_S);
	curl_easy_setopt(transfer, CURLOPT_URL, settings_str(settings, "smtp.url"));
	curl_easy_setopt(transfer, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	if (*settings_str(settings, "smtp.user")) {
		curl_easy_setopt(transfer, CURLOPT_USE_SSL, CURLUSESSL_ALL);
		curl_easy_setopt(transfer, CURLOPT_USERNAME, settings_str(settings, "smtp.user"));
		curl_easy_setopt(transfer, CURLOPT_PASSWORD,
				 settings_str(settings, "smtp.password"));
	}
	curl_easy_setopt(transfer, CURLOPT_MAIL_FROM, from);
	curl_easy_setopt(transfer, CURLOPT_MAIL_RCPT, message->list);
	curl_easy_setopt(transfer, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(transfer, CURLOPT_READFUNCTION, read_upload);
	curl_easy_setopt(transfer, CURLOPT_READDATA, message);
}

const struct sender sender_email = {
    .name = "email",
    .is_set_up = is_set_up,
    .relay = true,
    .address = address,
    .accept = accept_address,
    .prepare = prepare,
    .ending = ending,
};
