/* What is known of messages that keep their batch from being done, until it is done without them.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/runtime_private.h"
#include "util/alloc.h"
#include "util/log.h"

static struct refusal *find(const struct runtime *runtime, const struct kafka_message *message)
{
	for (size_t i = 0; i < runtime->refusal_count; i++) {
		struct refusal *refusal = &runtime->refusals[i];
		if (refusal->offset == message->offset &&
		    refusal->partition == message->partition &&
		    strcmp(refusal->topic, message->topic) == 0)
			return refusal;
	}
	return NULL;
}

void runtime_refuse(struct runtime *runtime, const struct kafka_message *message,
		    const char *reason)
{
	if (find(runtime, message))
		return;
	if (runtime->refusal_count == runtime->refusal_room) {
		runtime->refusal_room = runtime->refusal_room ? 2 * runtime->refusal_room : 16;
		runtime->refusals =
		    x_realloc(runtime->refusals, runtime->refusal_room, sizeof(*runtime->refusals));
	}
	struct refusal *refusal = &runtime->refusals[runtime->refusal_count++];
	*refusal = (struct refusal){.topic = x_strdup(message->topic),
				    .partition = message->partition,
				    .offset = message->offset};
	err_set(&refusal->reason, "%s", reason);
}

bool runtime_refused(const struct runtime *runtime, struct item *item)
{
	const struct refusal *refusal = find(runtime, &item->message);
	if (refusal)
		item_dead(item, "%s", refusal->reason.text);
	return refusal != NULL;
}

void runtime_forget_refusal(struct runtime *runtime, const struct kafka_message *message)
{
	struct refusal *refusal = find(runtime, message);
	if (!refusal)
		return;
	free(refusal->topic);
	*refusal = runtime->refusals[--runtime->refusal_count];
}

void runtime_forget_refusals(struct runtime *runtime)
{
	for (size_t i = 0; i < runtime->refusal_count; i++)
		free(runtime->refusals[i].topic);
	free(runtime->refusals);
	runtime->refusals = NULL;
	runtime->refusal_count = runtime->refusal_room = 0;
}
