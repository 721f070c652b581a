#include "record/conversation.h"

#include <sodium.h>
#include <string.h>

#include "case.pb-c.h"
#include "domain/event_facts.h"
#include "domain/receipt.h"
#include "domain/unseal.h"
#include "grievance.pb-c.h"
#include "util/log.h"

/* A sealed text that its key does not open was altered, or sealed wrongly. */
static void tell_unreadable(uint64_t number, bool expected, const struct err *why)
{
	static struct log_limit limit;
	if (expected && *why->text)
		log_limited(&limit, number, "a text of the case cannot be opened: %s", why->text);
}

static int read_first(struct postgres *postgres, struct arena *arena, uint64_t number,
		      const char *receipt, struct conversation *conversation, struct err *err)
{
	struct postgres_result *row;
	struct err unreadable = {""};
	uint8_t opener[SEAL_KEY_SIZE];
	Redress__GrievanceText *text;
	struct postgres_param param = postgres_int8(arena, (int64_t)number);
	if (postgres_query(postgres,
			   "SELECT g.sealed_text, COALESCE(k.text_for_receipt, '')"
			   " FROM grievances g LEFT JOIN case_keys k USING (number)"
			   " WHERE g.number = $1",
			   &param, 1, &row, err))
		return -1;
	if (postgres_rows(row) && receipt_text_key(receipt, number, opener)) {
		ProtobufCBinaryData sealed = postgres_get_data(row, 0, 0);
		ProtobufCBinaryData wrapped = postgres_get_data(row, 0, 1);
		conversation->can_write =
		    seal_unwrap(conversation->text_key, opener, number, SEAL_TEXT, wrapped.data,
				wrapped.len, &unreadable) == 0;
		if (conversation->can_write &&
		    unseal_text(conversation->text_key, arena, number, sealed.data, sealed.len,
				&text, &unreadable) == 0)
			conversation->description = text->description;
		sodium_memzero(opener, sizeof(opener));
		tell_unreadable(number, wrapped.len != 0, &unreadable);
	}
	postgres_result_free(&row);
	return 0;
}

static void add_text(struct conversation *conversation, struct arena *arena, uint64_t number,
		     ProtobufCBinaryData body)
{
	struct err unreadable = {""};
	struct seal_bytes plain;
	const Redress__CaseEvent *event =
	    redress__case_event__unpack(arena_protobuf(arena), body.len, body.data);
	const ProtobufCBinaryData *sealed = event ? event_text(event, SIDE_CITIZEN) : NULL;
	if (!sealed || seal_open(arena, conversation->text_key, number, SEAL_CASEWORK, sealed->data,
				 sealed->len, &plain, &unreadable)) {
		tell_unreadable(number, true, &unreadable);
		return;
	}
	conversation->texts[conversation->count++] = (struct conversation_text){
	    event->version,
	    event_is_by_citizen(event),
	    arena_strndup(arena, (const char *)plain.data, plain.len),
	};
}

static struct postgres_param kinds_with_text(struct arena *arena)
{
	size_t all, count = 0;
	const struct event_facts *facts = event_facts_all(&all);
	const char **kinds = arena_take(arena, all * sizeof(*kinds));
	for (size_t i = 0; i < all; i++) {
		if (facts[i].text & SIDE_CITIZEN)
			kinds[count++] = facts[i].kind;
	}
	return postgres_text_array(arena, kinds, count);
}

int conversation_read(struct postgres *postgres, struct arena *arena, uint64_t number,
		      const char *receipt, struct conversation *conversation, struct err *err)
{
	struct postgres_result *rows;
	const struct postgres_param params[] = {postgres_int8(arena, (int64_t)number),
						kinds_with_text(arena)};
	*conversation = (struct conversation){0};
	if (read_first(postgres, arena, number, receipt, conversation, err))
		return -1;
	if (!conversation->can_write)
		return 0;
	if (postgres_query(postgres,
			   "SELECT body FROM case_events WHERE number = $1 AND kind = ANY($2)"
			   " ORDER BY version DESC LIMIT 500",
			   params, 2, &rows, err))
		return -1;
	size_t count = postgres_rows(rows);
	conversation->texts = arena_take(arena, (count + 1) * sizeof(*conversation->texts));
	for (size_t i = count; i > 0; i--)
		add_text(conversation, arena, number, postgres_get_data(rows, i - 1, 0));
	postgres_result_free(&rows);
	return 0;
}

void conversation_wipe(struct conversation *conversation)
{
	sodium_memzero(conversation->text_key, sizeof(conversation->text_key));
	conversation->can_write = false;
}

const struct conversation_text *conversation_at(const struct conversation *conversation,
						uint32_t version)
{
	for (size_t i = 0; i < conversation->count; i++) {
		if (conversation->texts[i].version == version)
			return &conversation->texts[i];
	}
	return NULL;
}
