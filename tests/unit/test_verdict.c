/* What the end of an attempt says: tables/smtp_verdict.eval, and of webhooks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "table.h"
#include "verdict.h"

static int cases, failed;

static const char *written(const struct ending *ending)
{
	static const char *const names[] = {"delivered", "later", "ours", "refused"};
	static char text[32];
	snprintf(text, sizeof(text), "%s%s", names[ending->verdict], ending->host ? " host" : "");
	return text;
}

static void try_line(void *self, int line, char *text)
{
	char *rest = text;
	struct smtp_reply reply = {0};
	(void)self;
	enum smtp_stage stage = smtp_stage_of(table_part(&rest, '|'), SMTP_CONNECT);
	const char *answer = table_part(&rest, '|');
	assert_int_equal(smtp_reply_read(answer, &reply), strcmp(answer, "-") != 0);
	const struct ending ending = smtp_ending(stage, &reply);
	const char *verdict = table_part(&rest, '|'), *reason = table_part(&rest, '|');
	cases++;
	if (strcmp(written(&ending), verdict) == 0 &&
	    strcmp(ending.reason ? ending.reason : "-", reason) == 0)
		return;
	print_error("line %d: got %s, %s\n", line, written(&ending), ending.reason);
	failed++;
}

static void mail_servers(void **state)
{
	(void)state;
	table_lines("smtp_verdict.eval", try_line, NULL);
	assert_true(cases > 40);
	assert_int_equal(failed, 0);
}

static void what_is_no_reply(void **state)
{
	static const char *const bad[] = {"", "25", "250", "abc", "999 x", "100 x", "2500", "250x"};
	struct smtp_reply reply;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(smtp_reply_read(bad[i], &reply));
	assert_int_equal(smtp_stage_of("dXNlcg==", SMTP_AUTH), SMTP_AUTH);
	assert_string_equal(smtp_stage_name(SMTP_MAIL), "MAIL");
}

static void webhooks(void **state)
{
	static const struct {
		int status;
		int64_t wait_s;
		const char *verdict, *reason;
		int64_t wait_ms;
	} answers[] = {
	    {0, 0, "later host", "unreachable", 0},
	    {200, 0, "delivered", NULL, 0},
	    {204, 5, "delivered", NULL, 0},
	    {301, 0, "later", "redirected", 0},
	    {401, 0, "later", "answers_error", 0},
	    {404, 0, "later", "answers_error", 0},
	    {410, 0, "refused", "gone", 0},
	    {429, 120, "later host", "asked_to_wait", 120000},
	    {429, -3, "later host", "asked_to_wait", 0},
	    {503, 7, "later host", "asked_to_wait", 7000},
	    {500, 7, "later host", "answers_error", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		const struct ending ending = webhook_ending(answers[i].status, answers[i].wait_s);
		assert_string_equal(written(&ending), answers[i].verdict);
		assert_int_equal(ending.wait_ms, answers[i].wait_ms);
		if (answers[i].reason)
			assert_string_equal(ending.reason, answers[i].reason);
	}
}

static void a_gateway_is_never_the_recipients_fault(void **state)
{
	static const struct {
		int status;
		const char *verdict, *reason;
	} answers[] = {
	    {0, "ours host", "gateway_unreachable"},  {202, "delivered", NULL},
	    {403, "ours host", "gateway_refuses_us"}, {404, "ours host", "gateway_refuses_us"},
	    {400, "later", "gateway_refuses"},        {503, "later host", "gateway_busy"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		const struct ending ending = gateway_ending(answers[i].status);
		assert_string_equal(written(&ending), answers[i].verdict);
		if (answers[i].reason)
			assert_string_equal(ending.reason, answers[i].reason);
	}
}

static void what_can_be_sent_again(void **state)
{
	(void)state;
	assert_true(reason_is_curable("no_sender"));
	assert_true(reason_is_curable("relay_refuses_us"));
	assert_true(reason_is_curable("unreachable"));
	assert_false(reason_is_curable("mailbox_refused"));
	assert_false(reason_is_curable("gone"));
	assert_false(reason_is_curable("no_address"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mail_servers),
	    cmocka_unit_test(what_is_no_reply),
	    cmocka_unit_test(webhooks),
	    cmocka_unit_test(a_gateway_is_never_the_recipients_fault),
	    cmocka_unit_test(what_can_be_sent_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
