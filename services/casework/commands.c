#include "commands.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/cloud_event.h"
#include "domain/case_number.h"
#include "domain/pipeline.h"
#include "runtime/submitter.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define ID_SIZE     16
#define PATIENCE_MS 5000 /* with the broker */
#define LOOK_US     40000
#define LINGER_MS   1
#define MOST        1000
#define MOST_BYTES  (INT64_C(16) * 1024 * 1024)

struct commands {
	struct runtime *runtime;
	struct submitter *submitter;
	int64_t decide_ms; /* for routing and archival, as far as the officer waits for them */
};

/* One command on its way, of who waits for it. */
struct parcel {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool done;
	enum submit_outcome outcome;
};

static void on_done(void *self, void *tag, enum submit_outcome outcome)
{
	struct parcel *parcel = tag;
	(void)self;
	pthread_mutex_lock(&parcel->lock);
	parcel->done = true;
	parcel->outcome = outcome;
	pthread_cond_signal(&parcel->wake);
	pthread_mutex_unlock(&parcel->lock);
}

struct commands *commands_new(struct runtime *runtime, struct err *err)
{
	struct commands *commands = x_calloc(1, sizeof(*commands));
	const struct submitter_options options = {
	    .what = "officers' commands",
	    .done = on_done,
	    .self = commands,
	    .patience_ms = PATIENCE_MS,
	    .linger_ms = LINGER_MS,
	    .most = MOST,
	    .most_bytes = MOST_BYTES,
	};
	commands->runtime = runtime;
	commands->decide_ms = settings_int(runtime_settings(runtime), "casework.decision_wait");
	commands->submitter = submitter_new(runtime_settings(runtime), &options, err);
	if (!commands->submitter)
		commands_free(&commands);
	return commands;
}

void commands_free(struct commands **commands)
{
	if (!*commands)
		return;
	submitter_free(&(*commands)->submitter);
	free(*commands);
	*commands = NULL;
}

int commands_ready(struct commands *commands, struct err *err)
{
	return submitter_ready(commands->submitter, err);
}

ProtobufCBinaryData command_id(struct arena *arena, const char *login, uint64_t number,
			       const char *key, int part)
{
	const char *whole =
	    arena_printf(arena, "%s\n%llu\n%d\n%s", login, (unsigned long long)number, part, key);
	uint8_t *id = arena_take(arena, ID_SIZE);
	crypto_generichash(id, ID_SIZE, (const uint8_t *)whole, strlen(whole), NULL, 0);
	return (ProtobufCBinaryData){ID_SIZE, id};
}

/* ---- sending -------------------------------------------------------------------------------- */

static void hand_over(struct commands *commands, struct arena *arena,
		      const Redress__Command *command, struct parcel *parcel)
{
	char id[2 * ID_SIZE + 1], time[CLOCK_RFC3339_SIZE];
	struct kafka_header headers[CLOUD_EVENT_HEADERS];
	size_t size = redress__command__get_packed_size(command);
	uint8_t *packed = arena_take(arena, size);
	redress__command__pack(command, packed);
	text_hex(id, command->id.data, ID_SIZE);
	clock_rfc3339(command->at_ms, time);
	cloud_event(headers, id, "redress.case.command", runtime_source(commands->runtime), time);
	submitter_send(
	    commands->submitter, command->number, TOPIC_COMMANDS,
	    case_number_partition(command->number, runtime_partitions(commands->runtime)), packed,
	    size, headers, CLOUD_EVENT_HEADERS, parcel);
}

/* The submitter ends every message within its patience. */
static enum submit_outcome send(struct commands *commands, struct arena *arena,
				const Redress__Command *command)
{
	struct parcel parcel = {.done = false};
	if (!submitter_enter(commands->submitter, true))
		return SUBMIT_NOT_TAKEN;
	pthread_mutex_init(&parcel.lock, NULL);
	pthread_cond_init(&parcel.wake, NULL);
	hand_over(commands, arena, command, &parcel);
	pthread_mutex_lock(&parcel.lock);
	while (!parcel.done)
		pthread_cond_wait(&parcel.wake, &parcel.lock);
	pthread_mutex_unlock(&parcel.lock);
	pthread_mutex_destroy(&parcel.lock);
	pthread_cond_destroy(&parcel.wake);
	submitter_leave(commands->submitter);
	return parcel.outcome;
}

/* ---- what came of it ------------------------------------------------------------------------ */

static enum command_outcome judge(const Redress__Command *command,
				  const struct desk_decision *decision)
{
	if (decision->applied)
		return COMMAND_DONE;
	if (decision->version > command->based_on)
		return COMMAND_CHANGED;
	return decision->refusal ? COMMAND_REFUSED : COMMAND_LATER;
}

enum command_outcome commands_send(struct commands *commands, struct postgres *postgres,
				   struct arena *arena, const uint8_t token[DESK_TOKEN_SIZE],
				   const Redress__Command *command, struct desk_decision *decision)
{
	struct err err;
	enum command_outcome outcome = COMMAND_LATER;
	enum submit_outcome sent = send(commands, arena, command);
	*decision = (struct desk_decision){0};
	if (sent != SUBMIT_TAKEN)
		return sent == SUBMIT_NOT_TAKEN ? COMMAND_AWAY : COMMAND_LATER;
	int64_t until = clock_mono_us() + commands->decide_ms * 1000;
	while (outcome == COMMAND_LATER && clock_mono_us() < until) {
		usleep(LOOK_US);
		if (desk_decision_read(postgres, arena, token, command, decision, &err)) {
			log_warn(command->number, "what came of a command cannot be seen: %s",
				 err.text);
			break;
		}
		outcome = judge(command, decision);
	}
	return outcome;
}
