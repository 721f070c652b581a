#include "verdict.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- reasons -------------------------------------------------------------------------------- */

/* Those that stay as they are however often the message is sent. */
static const char *const final_reasons[] = {"no_address",   "mailbox_refused", "not_an_address",
					    "not_a_number", "not_a_url",       "not_https",
					    "gone",         "no_template",     NULL};

bool reason_is_curable(const char *reason)
{
	for (const char *const *one = final_reasons; *one; one++) {
		if (strcmp(*one, reason) == 0)
			return false;
	}
	return true;
}

static struct ending ends(enum verdict verdict, const char *reason)
{
	return (struct ending){verdict, reason, false, 0};
}

static struct ending host_ends(enum verdict verdict, const char *reason)
{
	return (struct ending){verdict, reason, true, 0};
}

/* ---- SMTP ----------------------------------------------------------------------------------- */

bool smtp_reply_read(const char *line, struct smtp_reply *reply)
{
	struct smtp_reply read = {0};
	char separator;
	if (sscanf(line, "%3d%c", &read.code, &separator) < 2 || read.code < 200 ||
	    read.code > 599 || !strchr(" -\r\n", separator))
		return false;
	if (sscanf(line + 4, "%1d.%3d.%3d", &read.detail[0], &read.detail[1], &read.detail[2]) !=
		3 ||
	    read.detail[0] != read.code / 100)
		memset(read.detail, 0, sizeof(read.detail));
	*reply = read;
	return true;
}

static const struct {
	const char *word;
	enum smtp_stage stage;
} commands[] = {{"EHLO", SMTP_EHLO}, {"HELO", SMTP_EHLO}, {"STARTTLS", SMTP_STARTTLS},
		{"AUTH", SMTP_AUTH}, {"MAIL", SMTP_MAIL}, {"RCPT", SMTP_RCPT},
		{"DATA", SMTP_DATA}};

enum smtp_stage smtp_stage_of(const char *command, enum smtp_stage present)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strncasecmp(command, commands[i].word, strlen(commands[i].word)) == 0)
			return commands[i].stage;
	}
	return present;
}

const char *smtp_stage_name(enum smtp_stage stage)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (commands[i].stage == stage && commands[i].stage != SMTP_EHLO)
			return commands[i].word;
	}
	return stage == SMTP_EHLO ? "EHLO" : "connecting";
}

/* RFC 3463, 3.2 and 3.3: about the mailbox or its domain, not about us (5.1.7, 5.1.8: our sender
 * address) nor about how much there is room for at present (5.2.2). */
static bool is_about_mailbox(const int detail[3])
{
	if (detail[0] != 5)
		return false;
	if (detail[1] == 1)
		return detail[2] != 0 && detail[2] != 7 && detail[2] != 8;
	return detail[1] == 2 && (detail[2] == 0 || detail[2] == 1);
}

/* To the commands that name the recipient or give the message over. */
static struct ending recipient_ending(const struct smtp_reply *reply)
{
	bool unclear = !reply->detail[0] && reply->code >= 550 && reply->code <= 553;
	if (reply->code < 400 || reply->code == 421)
		return host_ends(VERDICT_LATER, "relay_busy");
	if (reply->detail[1] == 2 && reply->detail[2] == 2)
		return ends(VERDICT_LATER, "mailbox_full");
	if (reply->code < 500)
		return ends(VERDICT_LATER, "come_later");
	if (is_about_mailbox(reply->detail))
		return ends(VERDICT_REFUSED, "mailbox_refused");
	/* RFC 5321, 4.2.3: a mailbox that is not there, or some policy: no definite answer */
	return unclear ? ends(VERDICT_LATER, "refused_unclear")
		       : ends(VERDICT_OURS, "relay_refuses_us");
}

struct ending smtp_ending(enum smtp_stage stage, const struct smtp_reply *reply)
{
	if (stage == SMTP_DATA && reply->code / 100 == 2)
		return ends(VERDICT_DELIVERED, NULL);
	if (reply->code / 100 == 4 && stage < SMTP_RCPT)
		return host_ends(VERDICT_LATER, "relay_busy");
	if (reply->code / 100 == 5 && stage < SMTP_RCPT)
		return host_ends(VERDICT_OURS, "relay_refuses_us");
	if (reply->code / 100 < 4 && stage < SMTP_RCPT)
		return host_ends(VERDICT_OURS, "relay_unreachable");
	return recipient_ending(reply);
}

/* ---- HTTP ----------------------------------------------------------------------------------- */

struct ending webhook_ending(int status, int64_t retry_after_s)
{
	struct ending wait = host_ends(VERDICT_LATER, "asked_to_wait");
	wait.wait_ms = retry_after_s > 0 ? retry_after_s * 1000 : 0;
	if (!status)
		return host_ends(VERDICT_LATER, "unreachable");
	if (status / 100 == 2)
		return ends(VERDICT_DELIVERED, NULL);
	if (status == 410) /* Standard Webhooks 1.0.0: the receiver wants no more */
		return ends(VERDICT_REFUSED, "gone");
	if (status == 429 || status == 503) /* RFC 6585, 4; RFC 9110, 15.6.4 */
		return wait;
	if (status / 100 == 3)
		return ends(VERDICT_LATER, "redirected");
	return status >= 500 ? host_ends(VERDICT_LATER, "answers_error")
			     : ends(VERDICT_LATER, "answers_error");
}

/* Kannel says 202 for accepted and queued, 403 for a wrong password, 503 for what may pass. */
struct ending gateway_ending(int status)
{
	if (status / 100 == 2)
		return ends(VERDICT_DELIVERED, NULL);
	if (!status)
		return host_ends(VERDICT_OURS, "gateway_unreachable");
	if (status == 401 || status == 403 || status == 404)
		return host_ends(VERDICT_OURS, "gateway_refuses_us");
	return status >= 500 ? host_ends(VERDICT_LATER, "gateway_busy")
			     : ends(VERDICT_LATER, "gateway_refuses");
}
