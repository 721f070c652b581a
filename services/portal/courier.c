#include "courier.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cloud_event.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/pipeline.h"
#include "runtime/submitter.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/text.h"

#define ID_SIZE     16
#define SEND_MS     5000 /* for the broker */
#define DECIDE_MS   2500 /* for routing, as far as the citizen waits for it */
#define LOOK_US     50000
#define QUEUE_MAX   1000
#define QUEUE_BYTES (INT64_C(16) * 1024 * 1024)

struct courier {
	struct runtime *runtime;
	struct submitter *submitter;
};

/* One command on its way; shared by who waits and the submitter, the last one frees it. */
struct parcel {
	enum submit_outcome outcome; /* written before waits is false */
	_Atomic bool waits;
	_Atomic int holders;
};

static void drop(struct parcel *parcel)
{
	if (--parcel->holders == 0)
		free(parcel);
}

static void on_submitted(void *self, void *tag, enum submit_outcome outcome)
{
	struct courier *courier = self;
	struct parcel *parcel = tag;
	submitter_leave(courier->submitter);
	parcel->outcome = outcome;
	parcel->waits = false;
	drop(parcel);
}

struct courier *courier_new(struct runtime *runtime, struct err *err)
{
	struct courier *courier = x_calloc(1, sizeof(*courier));
	const struct submitter_options options = {
	    .what = "citizens' commands",
	    .done = on_submitted,
	    .self = courier,
	    .patience_ms = SEND_MS,
	    .most = QUEUE_MAX,
	    .most_bytes = QUEUE_BYTES,
	};
	courier->runtime = runtime;
	courier->submitter = submitter_new(runtime_settings(runtime), &options, err);
	if (!courier->submitter)
		courier_free(&courier);
	return courier;
}

void courier_free(struct courier **courier)
{
	if (!*courier)
		return;
	submitter_free(&(*courier)->submitter);
	free(*courier);
	*courier = NULL;
}

/* ---- sending -------------------------------------------------------------------------------- */

static void address(struct arena *arena, Redress__Command *command)
{
	Redress__Actor *actor = arena_take(arena, sizeof(*actor));
	redress__actor__init(actor);
	actor->kind = REDRESS__ACTOR__KIND__CITIZEN;
	command->actor = actor;
	command->at_ms = clock_now_ms();
	command->id.data = arena_take(arena, ID_SIZE);
	command->id.len = ID_SIZE;
	randombytes_buf(command->id.data, ID_SIZE);
}

static void hand_over(struct courier *courier, struct arena *arena, const Redress__Command *command,
		      struct parcel *parcel)
{
	char id[2 * ID_SIZE + 1], time[CLOCK_RFC3339_SIZE];
	struct kafka_header headers[CLOUD_EVENT_HEADERS];
	size_t size = redress__command__get_packed_size(command);
	uint8_t *packed = arena_take(arena, size);
	redress__command__pack(command, packed);
	text_hex(id, command->id.data, ID_SIZE);
	clock_rfc3339(command->at_ms, time);
	cloud_event(headers, id, "redress.case.command", runtime_source(courier->runtime), time);
	submitter_send(courier->submitter, command->number, TOPIC_COMMANDS,
		       case_number_partition(command->number, runtime_partitions(courier->runtime)),
		       packed, size, headers, CLOUD_EVENT_HEADERS, parcel);
}

/* What the hot view says of it. */
static enum courier_outcome ask_view(struct lookup *lookup, struct arena *arena,
				     const Redress__Command *command)
{
	static const struct claim proven = {NULL, NULL};
	struct found_case found;
	if (lookup_case(lookup, arena, command->number, &proven, clock_now_ms(), &found) !=
		LOOKUP_FOUND ||
	    !found.state)
		return COURIER_LATER;
	if (case_was_applied(found.state, &command->id))
		return COURIER_DONE;
	return found.state->version > command->based_on ? COURIER_CHANGED : COURIER_LATER;
}

static enum courier_outcome wait_for_it(struct lookup *lookup, struct arena *arena,
					const Redress__Command *command,
					const struct parcel *parcel)
{
	int64_t sent_until = clock_mono_us() + SEND_MS * 1000;
	while (parcel->waits && clock_mono_us() < sent_until)
		usleep(LOOK_US / 10);
	if (parcel->waits || parcel->outcome == SUBMIT_UNKNOWN)
		return COURIER_LATER;
	if (parcel->outcome == SUBMIT_NOT_TAKEN)
		return COURIER_AWAY;
	enum courier_outcome outcome = COURIER_LATER;
	int64_t until = clock_mono_us() + DECIDE_MS * 1000;
	while (outcome == COURIER_LATER && clock_mono_us() < until) {
		usleep(LOOK_US);
		outcome = ask_view(lookup, arena, command);
	}
	return outcome;
}

enum courier_outcome courier_send(struct courier *courier, struct lookup *lookup,
				  struct arena *arena, Redress__Command *command)
{
	if (!submitter_enter(courier->submitter, true)) {
		submitter_leave(courier->submitter);
		return COURIER_AWAY;
	}
	struct parcel *parcel = x_calloc(1, sizeof(*parcel));
	parcel->holders = 2;
	parcel->waits = true;
	address(arena, command);
	hand_over(courier, arena, command, parcel);
	enum courier_outcome outcome = wait_for_it(lookup, arena, command, parcel);
	drop(parcel);
	return outcome;
}
