/* What a message to a contact looks like: an e-mail (RFC 5322, 2045, 2047), a signed webhook. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "sender.h"
#include "util/text.h"
#include "with_arena.h"

#define MONDAY_10 INT64_C(1772445600000) /* 2026-03-02 10:00 UTC */

extern const struct sender sender_email, sender_webhook;

static struct settings *settings;

static int set_up(void **state)
{
	static const struct setting *const tables[] = {SENDER_SETTINGS, NULL};
	struct err err;
	setenv("REDRESS_SMTP_URL", "smtp://127.0.0.1:1", 1);
	setenv("REDRESS_SMTP_FROM", "cases@redress.example", 1);
	setenv("REDRESS_WEBHOOK_SECRET", "a secret of the office's", 1);
	settings = settings_load(tables, NULL, &err);
	return settings && sodium_init() >= 0 ? with_arena(state) : -1;
}

static int tear_down(void **state)
{
	settings_free(&settings);
	return drop_arena(state);
}

static struct message prepared(const struct sender *sender, const char *subject, const char *body)
{
	CURL *transfer = curl_easy_init();
	struct message message = {.arena = arena,
				  .address = "ann@citizen.example",
				  .subject = subject,
				  .body = body,
				  .language = "pt-BR",
				  .number = "04K7M-2Q9RT-WXYZ1",
				  .kind = "answered",
				  .url = "https://redress.example/v1/cases/04K7M-2Q9RT-WXYZ1",
				  .id = "0123456789abcdef0123456789abcdef",
				  .now_ms = MONDAY_10};
	if (sender == &sender_webhook)
		message.address = "https://citizen.example/hook";
	assert_null(sender->accept(&message, settings));
	sender->prepare(transfer, &message, settings);
	curl_easy_cleanup(transfer);
	return message;
}

/* ---- e-mail --------------------------------------------------------------------------------- */

static const char *mail_of(const char *subject, const char *body)
{
	struct message message = prepared(&sender_email, subject, body);
	assert_string_equal(message.list->data, "ann@citizen.example");
	assert_null(message.list->next);
	curl_slist_free_all(message.list);
	assert_int_equal(message.upload_left, strlen(message.upload));
	return message.upload;
}

/* The value of a header, unfolded; it stands there once. */
static const char *header(const char *mail, const char *name)
{
	const char *start = arena_printf(arena, "\r\n%s: ", name);
	const char *head =
	    arena_printf(arena, "\r\n%.*s", (int)(strstr(mail, "\r\n\r\n") + 2 - mail), mail);
	const char *at = strstr(head, start);
	assert_non_null(at);
	assert_null(strstr(at + 2, start));
	at += strlen(start);
	const char *end = strstr(at, "\r\n");
	while (end[2] == ' ')
		end = strstr(end + 2, "\r\n");
	return arena_strndup(arena, at, (size_t)(end - at));
}

static char *decoded(const char *base64, size_t size)
{
	size_t length;
	char *plain = arena_zero(arena, size + 1);
	assert_int_equal(sodium_base642bin((unsigned char *)plain, size + 1, base64, size, "\r\n",
					   &length, NULL, sodium_base64_VARIANT_ORIGINAL),
			 0);
	return plain;
}

/* RFC 2047: words of at most 75 characters and whole ones of UTF-8, each on its line. */
static const char *subject_of(const char *mail)
{
	const char prefix[] = "=?UTF-8?B?";
	const char *whole = "", *at = header(mail, "Subject");
	while (*at) {
		assert_memory_equal(at, prefix, sizeof(prefix) - 1);
		const char *text = at + sizeof(prefix) - 1, *end = strstr(text, "?=");
		assert_true(end + 2 - at <= 75);
		const char *part = decoded(text, (size_t)(end - text));
		assert_true(text_is_utf8(part, strlen(part)));
		whole = arena_printf(arena, "%s%s", whole, part);
		at = end + 2;
		if (*at)
			at += strlen("\r\n ");
	}
	return whole;
}

static void assert_lines(const char *mail)
{
	for (const char *end; (end = strchr(mail, '\n')); mail = end + 1) {
		assert_true(end > mail && end[-1] == '\r' && end - mail <= 79);
		assert_null(memchr(mail, '\r', (size_t)(end - mail - 1)));
	}
	assert_string_equal(mail, "");
}

static void an_email_has_what_it_needs(void **state)
{
	(void)state;
	const char *mail = mail_of("Case", "Text");
	assert_lines(mail);
	assert_string_equal(header(mail, "Date"), "Mon, 02 Mar 2026 10:00:00 +0000");
	assert_string_equal(header(mail, "From"), "<cases@redress.example>");
	assert_string_equal(header(mail, "To"), "<ann@citizen.example>");
	assert_string_equal(header(mail, "Message-ID"),
			    "<0123456789abcdef0123456789abcdef@redress.example>");
	assert_string_equal(header(mail, "Auto-Submitted"), "auto-generated");
	assert_string_equal(header(mail, "X-Case-Number"), "04K7M-2Q9RT-WXYZ1");
	assert_string_equal(header(mail, "Content-Language"), "pt-BR");
	assert_string_equal(header(mail, "Content-Type"), "text/plain; charset=utf-8");
}

static void subject_and_body_arrive_whole(void **state)
{
	(void)state;
	static const char *const texts[] = {"",
					    "Case",
					    "\xc5\xbb\xc3\xb3\xc5\x82w",
					    "\xe8\xb7\xaf\xe7\x81\xaf\xe5\x9d\x8f\xe4\xba\x86",
					    "two\r\nBcc: thief@citizen.example\r\n\r\nlines",
					    ".\r\n.",
					    "=?UTF-8?B?eA==?="};
	static const char *const characters[] = {"a", "\xc5\xbb", "\xe8\xb7\xaf",
						 "\xf0\x9f\x92\xa7"};
	char *long_text = arena_zero(arena, 4 * 1000 + 1);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *mail = mail_of(texts[i], texts[i]);
		assert_lines(mail);
		assert_string_equal(subject_of(mail), texts[i]);
		const char *body = strstr(mail, "\r\n\r\n") + 4;
		assert_string_equal(decoded(body, strlen(body)), texts[i]);
	}
	/* characters of every length at every place of the 42 bytes of a word */
	for (size_t i = 0; i < 1000; i++)
		strcat(long_text, characters[i % 4]);
	const char *mail = mail_of(long_text, long_text);
	assert_lines(mail);
	assert_string_equal(subject_of(mail), long_text);
}

/* ---- webhook -------------------------------------------------------------------------------- */

static const char *line(const struct curl_slist *list, const char *name)
{
	for (; list; list = list->next) {
		if (strncmp(list->data, name, strlen(name)) == 0)
			return list->data + strlen(name) + 2;
	}
	fail_msg("no header %s", name);
	return NULL;
}

/* The signature is what Python's hmac makes of the same bytes. */
static void a_webhook_is_signed_as_the_standard_says(void **state)
{
	(void)state;
	struct message message =
	    prepared(&sender_webhook, "Your case", "It is \"mended\".\nThank you");
	assert_string_equal(
	    message.upload,
	    "{\"type\":\"answered\",\"timestamp\":\"2026-03-02T10:00:00Z\",\"data\":{"
	    "\"case_number\":\"04K7M-2Q9RT-WXYZ1\",\"subject\":\"Your case\","
	    "\"text\":\"It is \\\"mended\\\".\\nThank you\","
	    "\"status_url\":\"https://redress.example/v1/cases/04K7M-2Q9RT-WXYZ1\"}}");
	assert_string_equal(line(message.list, "webhook-id"), "0123456789abcdef0123456789abcdef");
	assert_string_equal(line(message.list, "webhook-timestamp"), "1772445600");
	assert_string_equal(line(message.list, "webhook-signature"),
			    "v1,t3m/eRFU0WBoXwStffMLZchpw6DnUOdRy1X13fRDp6k=");
	assert_string_equal(line(message.list, "Content-Type"), "application/json");
	curl_slist_free_all(message.list);
}

static void each_sender_knows_its_address(void **state)
{
	(void)state;
	Redress__Contact contact = REDRESS__CONTACT__INIT;
	assert_string_equal(sender_email.address(&contact), "");
	assert_string_equal(sender_webhook.address(&contact), "");
	contact.email = (char *)(uintptr_t) "ann@citizen.example";
	contact.webhook = (char *)(uintptr_t) "https://citizen.example/hook";
	assert_string_equal(sender_email.address(&contact), "ann@citizen.example");
	assert_string_equal(sender_webhook.address(&contact), "https://citizen.example/hook");
}

static const char *accepted(const struct sender *sender, const char *address, const char *host)
{
	struct message message = {.arena = arena, .address = address};
	const char *refused = sender->accept(&message, settings);
	if (!refused && host)
		assert_string_equal(message.host, host);
	return refused ? refused : message.address;
}

static void addresses_go_in_wire_form(void **state)
{
	static const struct {
		const char *given, *wire, *host;
	} urls[] = {
	    {"https://citizen.example/hook?a=b", "https://citizen.example/hook?a=b",
	     "citizen.example:443"},
	    {"https://b\xc3\xbc"
	     "cher.example:8443/h",
	     "https://xn--bcher-kva.example:8443/h", "xn--bcher-kva.example:8443"},
	    {"https://citizen.example/\xc3\xbc", "https://citizen.example/%c3%bc",
	     "citizen.example:443"},
	    {"http://citizen.example/", "not_https", NULL},
	    {"ftp://citizen.example/", "not_https", NULL},
	    {"https://", "not_a_url", NULL},
	    {"https://a b/", "not_a_url", NULL},
	    {"https://x\r\ny/", "not_a_url", NULL},
	    {"https://-\xc3\xbc.example/", "not_a_url", NULL},
	};
	(void)state;
	assert_string_equal(accepted(&sender_email,
				     "user@b\xc3\xbc"
				     "cher.example",
				     NULL),
			    "user@xn--bcher-kva.example");
	assert_string_equal(accepted(&sender_email, "a@b.example\r\nBcc: c@d.example", NULL),
			    "not_an_address");
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++)
		assert_string_equal(accepted(&sender_webhook, urls[i].given, urls[i].host),
				    urls[i].wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_email_has_what_it_needs),
	    cmocka_unit_test(subject_and_body_arrive_whole),
	    cmocka_unit_test(a_webhook_is_signed_as_the_standard_says),
	    cmocka_unit_test(each_sender_knows_its_address),
	    cmocka_unit_test(addresses_go_in_wire_form),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
