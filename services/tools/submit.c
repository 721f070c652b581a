/*
 * NAME      redress-submit - submit a file of grievances
 * SYNOPSIS  redress-submit [--name NAME] [--patience DURATION] URL FILE RECEIPTS
 *
 * FILE holds one submission a line, JSON as for POST /v1/grievances; empty lines and those that
 * begin with # are passed over. They go to POST /v1/grievances/batch, many at a time. URL is
 * intake's, without a path. RECEIPTS gets a line for each that was taken: line number, case number,
 * receipt code and the row's key, with tabs between. It opens every case in it: only its owner may
 * read it.
 *
 * A row is known by what it says and by the name of the import (default: FILE's whole path); of
 * rows that say the same, by which of them it is. So it may be run again after an interruption, a
 * mended row is sent, a row that is put in front shifts nothing, and no row becomes two cases. Rows
 * that are refused are written to RECEIPTS.refused, each under its line number, the field and the
 * reason: to be mended there and submitted with the same --name, or in FILE.
 *
 * It waits as long as intake asks it to, and goes on when intake was away; after --patience (60s)
 * without a row taken or refused it gives up.
 *
 * EXIT      0 everything was taken; 1 rows were refused, or it could not be done; 2 usage
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/alloc.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/program.h"
#include "util/settings.h"
#include "util/text.h"
#include "util/visible_text.h"

#define AT_ONCE       4 /* requests */
#define BATCH_LINES   100
#define BATCH_BYTES   ((size_t)256 * 1024) /* a longer line goes alone */
#define PAUSE_MS      500                  /* after a failure that names no time to wait */
#define PAUSE_MAX_S   600                  /* however long it is asked to wait */
#define PATIENCE_S    60
#define TIMEOUT_S     60L
#define RECEIPTS_ROOM ((size_t)64 * 1024) /* those of a request are written whole */
#define BAR_WIDTH     40
#define KEY_SIZE      33 /* of a row, in hex */

struct line {
	size_t number; /* 1.. */
	char *text;
	char key[KEY_SIZE];
	bool is_object; /* JSON, as far as can be seen here: it can be given its key */
	bool done, under_way;
};

struct import {
	const char *name, *file, *url;
	struct line *list;
	size_t count, rows, done, refused;
	FILE *receipts, *rejects;
	char *rejects_path;
	int64_t patience_ms, progress_ms, resume_ms; /* by clock_mono_us */
	char reason[200];                            /* why not everything is taken yet */
};

struct request {
	struct line *lines[BATCH_LINES];
	size_t count;
	CURL *transfer;
	struct curl_slist *headers;
	struct buffer body, reply;
};

static int64_t now_ms(void)
{
	return clock_mono_us() / 1000;
}

/* ---- the rows ------------------------------------------------------------------------------- */

/* What it says, however it is written; malloc'ed. What is no JSON says what is there. */
static char *content_of(const char *text, bool *is_object)
{
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	*is_object = json_is_object(json);
	char *content =
	    json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
	json_decref(json);
	return content ? content : x_strdup(text);
}

static void make_key(const struct import *import, const char *content, size_t occurrence,
		     char key[KEY_SIZE])
{
	uint8_t hash[(KEY_SIZE - 1) / 2], which[8];
	crypto_generichash_state state;
	text_put_be64(which, occurrence);
	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, (const uint8_t *)import->name, strlen(import->name) + 1);
	crypto_generichash_update(&state, which, sizeof(which));
	crypto_generichash_update(&state, (const uint8_t *)content, strlen(content));
	crypto_generichash_final(&state, hash, sizeof(hash));
	text_hex(key, hash, sizeof(hash));
}

static int by_key(const void *a, const void *b)
{
	const struct line *const *left = a, *const *right = b;
	int order = strcmp((*left)->key, (*right)->key);
	return order ? order : (*left)->number < (*right)->number ? -1 : 1;
}

/* The lines in the order of their keys; malloc'ed. */
static struct line **sorted(const struct import *import)
{
	struct line **order = x_calloc(import->count + 1, sizeof(struct line *));
	for (size_t i = 0; i < import->count; i++)
		order[i] = &import->list[i];
	qsort(order, import->count, sizeof(struct line *), by_key);
	return order;
}

/* Of rows that say the same each is known by which of them it is. */
static void tell_apart(struct import *import)
{
	struct line **order = sorted(import);
	for (size_t i = 0, first = 0; i < import->count; i++) {
		char *content;
		if (i && strcmp(order[i]->key, order[first]->key) != 0)
			first = i;
		if (order[i]->done || i == first)
			continue;
		content = content_of(order[i]->text, &order[i]->is_object);
		make_key(import, content, i - first, order[i]->key);
		free(content);
	}
	free(order);
}

static void add_line(struct import *import, const char *text)
{
	bool is_object;
	char *content = content_of(text, &is_object);
	import->list = x_realloc(import->list, import->count + 1, sizeof(*import->list));
	struct line *line = &import->list[import->count++];
	*line = (struct line){.number = import->count,
			      .text = x_strdup(text),
			      .is_object = is_object,
			      .done = *text == '\0' || *text == '#'};
	import->rows += !line->done;
	make_key(import, content, 0, line->key);
	free(content);
}

static void read_lines(struct import *import)
{
	char *text = NULL;
	size_t room = 0;
	FILE *file = fopen(import->file, "re");
	if (!file)
		fatal("%s cannot be read: %s", import->file, strerror(errno));
	while (getline(&text, &room, file) > 0) {
		text[strcspn(text, "\r\n")] = '\0';
		add_line(import, text);
	}
	if (ferror(file))
		fatal("%s cannot be read to its end", import->file);
	free(text);
	fclose(file);
	tell_apart(import);
}

/* ---- receipts and refusals ------------------------------------------------------------------ */

static void take_receipt(struct import *import, struct line *const *order, const char *key)
{
	struct line wanted = {.number = 0};
	const struct line *at = &wanted;
	snprintf(wanted.key, sizeof(wanted.key), "%s", key);
	size_t low = 0, high = import->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (by_key(&order[middle], &at) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == import->count || strcmp(order[low]->key, key) != 0 || order[low]->done)
		return;
	order[low]->done = true;
	import->done++;
}

/* Passes over what has a receipt from an earlier run; a last line that was cut off is cut away. */
static void read_receipts(struct import *import)
{
	char *text = NULL;
	size_t room = 0;
	off_t whole = 0;
	struct line **order = sorted(import);
	for (ssize_t size; (size = getline(&text, &room, import->receipts)) > 0;) {
		if (text[size - 1] != '\n')
			break;
		whole += size;
		text[size - 1] = '\0';
		const char *key = strrchr(text, '\t');
		if (key)
			take_receipt(import, order, key + 1);
	}
	free(text);
	free(order);
	if (fseeko(import->receipts, whole, SEEK_SET) || ftruncate(fileno(import->receipts), whole))
		fatal("the receipts cannot be written: %s", strerror(errno));
}

static FILE *open_private(const char *path, int flags)
{
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0600);
	if (file < 0)
		fatal("%s cannot be written: %s", path, strerror(errno));
	return fdopen(file, "r+");
}

static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static int status_of(const json_t *reply)
{
	return (int)json_integer_value(json_object_get(reply, "status"));
}

/* Under a name of its own until all is done: it may be the file that is being read. */
static void reject(struct import *import, const struct line *line, const json_t *reply)
{
	const char *field = member(reply, "field");
	if (!import->rejects) {
		char *path = x_printf("%s.new", import->rejects_path);
		import->rejects = open_private(path, O_TRUNC);
		free(path);
	}
	struct buffer reason = {0};
	const char *detail = member(reply, "detail");
	visible_add(&reason, field, strlen(field), false);
	buffer_printf(&reason, "%s", *field ? ": " : "");
	visible_add(&reason, detail, strlen(detail), false);
	fprintf(import->rejects, "# line %zu: %d %s\n%s\n", line->number, status_of(reply),
		reason.data, line->text);
	buffer_free(&reason);
	import->refused++;
}

static void finish_rejects(struct import *import)
{
	char *path = x_printf("%s.new", import->rejects_path);
	if (import->rejects && (fclose(import->rejects) || rename(path, import->rejects_path)))
		fatal("%s cannot be written: %s", import->rejects_path, strerror(errno));
	/* those of an earlier run, unless they are what was submitted */
	if (!import->rejects && import->done == import->rows &&
	    strcmp(import->file, import->rejects_path) != 0)
		unlink(import->rejects_path);
	free(path);
}

static void show_progress(const struct import *import)
{
	size_t told = import->done + import->refused;
	if (!isatty(STDERR_FILENO))
		return;
	int full = import->rows ? (int)(told * BAR_WIDTH / import->rows) : BAR_WIDTH;
	fprintf(stderr, "\r[%.*s%*s] %zu of %zu", full, "########################################",
		BAR_WIDTH - full, "", told, import->rows);
}

/* ---- submitting ----------------------------------------------------------------------------- */

static size_t on_reply(char *data, size_t size, size_t count, void *self)
{
	buffer_add(self, data, size * count);
	return size * count;
}

/* The row with its key, which is a member of its own at its end. */
static void put_row(struct buffer *body, const struct line *line)
{
	if (!line->is_object) {
		buffer_printf(body, "%s\n", line->text); /* to be refused */
		return;
	}
	const char *inside = strchr(line->text, '{') + 1;
	inside += strspn(inside, " \t");
	buffer_add(body, line->text, (size_t)(strrchr(line->text, '}') - line->text));
	buffer_printf(body, "%s\"idempotency_key\":\"%s\"}\n", *inside == '}' ? "" : ",",
		      line->key);
}

static void start(CURLM *multi, const struct import *import, struct request *request)
{
	request->headers = curl_slist_append(NULL, "Content-Type: application/jsonl");
	request->headers = curl_slist_append(request->headers, "Expect:");
	request->transfer = curl_easy_init();
	curl_easy_setopt(request->transfer, CURLOPT_URL, import->url);
	curl_easy_setopt(request->transfer, CURLOPT_HTTPHEADER, request->headers);
	curl_easy_setopt(request->transfer, CURLOPT_POSTFIELDS, request->body.data);
	curl_easy_setopt(request->transfer, CURLOPT_POSTFIELDSIZE, (long)request->body.len);
	curl_easy_setopt(request->transfer, CURLOPT_WRITEFUNCTION, on_reply);
	curl_easy_setopt(request->transfer, CURLOPT_WRITEDATA, &request->reply);
	curl_easy_setopt(request->transfer, CURLOPT_PRIVATE, request);
	curl_easy_setopt(request->transfer, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(request->transfer, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_multi_add_handle(multi, request->transfer);
}

/* It is sent again, not before the time that intake asked for. */
static void try_later(struct import *import, int64_t wait_s)
{
	if (wait_s > PAUSE_MAX_S)
		wait_s = PAUSE_MAX_S;
	int64_t resume_ms = now_ms() + (wait_s > 0 ? wait_s * 1000 : PAUSE_MS);
	if (resume_ms > import->resume_ms)
		import->resume_ms = resume_ms;
}

static bool is_temporary(long status)
{
	return status >= 500 || status == 429 || status == 408;
}

static void tell_reason(struct import *import, long status, const json_t *reply)
{
	snprintf(import->reason, sizeof(import->reason), "intake answers %ld %s", status,
		 member(reply, "detail"));
}

/* What became of one row. */
static void take_result(struct import *import, struct line *line, const json_t *result)
{
	int status = status_of(result);
	if (is_temporary(status)) {
		tell_reason(import, status, result);
		try_later(import, json_integer_value(json_object_get(result, "retry_after")));
		return;
	}
	if (status == 201) {
		fprintf(import->receipts, "%zu\t%s\t%s\t%s\n", line->number,
			member(result, "case_number"), member(result, "receipt_code"), line->key);
		import->done++;
	} else {
		reject(import, line, result);
	}
	line->done = true;
	import->progress_ms = now_ms();
}

static void take_results(struct import *import, const struct request *request)
{
	const char *at = request->reply.data, *end = at + request->reply.len;
	for (const char *stop; at < end; at = stop + 1) {
		stop = memchr(at, '\n', (size_t)(end - at));
		if (!stop)
			stop = end;
		json_t *result = json_loadb(at, (size_t)(stop - at), 0, NULL);
		json_int_t which = json_integer_value(json_object_get(result, "line"));
		if (which < 1 || (size_t)which > request->count || !status_of(result))
			fatal("the server does not answer as intake does");
		take_result(import, request->lines[which - 1], result);
		json_decref(result);
	}
	if (fflush(import->receipts))
		fatal("the receipts cannot be written: %s", strerror(errno));
}

/* The request was not taken as a whole. */
static void take_problem(struct import *import, const struct request *request, CURLcode code,
			 long status)
{
	curl_off_t wait_s = 0;
	const struct buffer *text = &request->reply;
	json_t *reply = json_loadb(text->data ? text->data : "", text->len, 0, NULL);
	curl_easy_getinfo(request->transfer, CURLINFO_RETRY_AFTER, &wait_s);
	if (code != CURLE_OK)
		snprintf(import->reason, sizeof(import->reason), "%s", curl_easy_strerror(code));
	else
		tell_reason(import, status, reply);
	if (code != CURLE_OK || is_temporary(status))
		try_later(import, wait_s);
	else if (status == 413 && request->count == 1)
		take_result(import, request->lines[0], reply);
	else
		fatal("the server answers %ld: is this intake's address?", status);
	json_decref(reply);
}

static void take_reply(struct import *import, const struct request *request, CURLcode code)
{
	long status = 0;
	curl_easy_getinfo(request->transfer, CURLINFO_RESPONSE_CODE, &status);
	for (size_t i = 0; i < request->count; i++)
		request->lines[i]->under_way = false;
	if (code == CURLE_OK && status == 200)
		take_results(import, request);
	else
		take_problem(import, request, code, status);
}

static void end_request(CURLM *multi, struct request *request)
{
	curl_multi_remove_handle(multi, request->transfer);
	curl_easy_cleanup(request->transfer);
	curl_slist_free_all(request->headers);
	buffer_free(&request->body);
	buffer_free(&request->reply);
	free(request);
}

/* The next rows that are not done, from the first one on; NULL: there is none. */
static struct request *gather(struct import *import, size_t first)
{
	struct request *request = x_calloc(1, sizeof(*request));
	for (size_t i = first; i < import->count && request->count < BATCH_LINES; i++) {
		struct line *line = &import->list[i];
		if (line->done || line->under_way)
			continue;
		if (request->count && request->body.len + strlen(line->text) > BATCH_BYTES)
			break;
		put_row(&request->body, line);
		request->lines[request->count++] = line;
		line->under_way = true;
	}
	if (request->count)
		return request;
	free(request);
	return NULL;
}

/* Starts what may be under way together. */
static size_t start_more(CURLM *multi, struct import *import, size_t *first, size_t running)
{
	struct request *request;
	while (*first < import->count && import->list[*first].done)
		++*first;
	if (now_ms() < import->resume_ms)
		return running;
	while (running < AT_ONCE && (request = gather(import, *first))) {
		start(multi, import, request);
		running++;
	}
	return running;
}

/* -1: its patience is at an end. */
static int send_all(struct import *import)
{
	CURLM *multi = curl_multi_init();
	size_t first = 0, running = 0;
	int active, left, result = 0;
	import->progress_ms = now_ms();
	while (import->done + import->refused < import->rows) {
		running = start_more(multi, import, &first, running);
		curl_multi_perform(multi, &active);
		for (CURLMsg *note; (note = curl_multi_info_read(multi, &left));) {
			struct request *request;
			curl_easy_getinfo(note->easy_handle, CURLINFO_PRIVATE, (char **)&request);
			take_reply(import, request, note->data.result);
			end_request(multi, request);
			running--;
			show_progress(import);
		}
		if (!running && now_ms() - import->progress_ms > import->patience_ms) {
			result = -1;
			break;
		}
		curl_multi_poll(multi, NULL, 0, running ? 100 : 20, NULL);
	}
	curl_multi_cleanup(multi);
	return result;
}

/* ---- the command line ----------------------------------------------------------------------- */

static const struct program_command commands[] = {
    {"URL FILE RECEIPTS [--name NAME] [--patience DURATION]",
     "Submits each line of FILE (JSON) to intake at URL and keeps the receipts; run again it"
     " goes on.",
     false},
    {NULL, NULL, false},
};
static const struct program_option options[] = {
    {"name", "NAME",
     "of the import, within which rows that say the same are one case; FILE's whole path"
     " unless it is given"},
    {"patience", "DURATION", "give up after so long without an answer to any row; 60s"},
    {NULL, NULL, NULL},
};
static const struct program program = {
    .name = "submit",
    .summary = "submit a file of grievances",
    .commands = commands,
    .options = options,
    .notes =
	"Refused rows are in RECEIPTS.refused, each under the reason: mend and submit it with\n"
	"the same --name.\n"
	"Exit status: 0 everything was taken, 1 rows were refused or it could not be done, 2\n"
	"usage.\n",
};

static int64_t read_patience(const char *text)
{
	int64_t ms;
	if (!text)
		return PATIENCE_S * INT64_C(1000);
	if (settings_duration(text, &ms) || ms < 1000 || ms > INT64_C(86400000))
		program_refuse("--patience: %s: is no duration from 1s to 1d", text);
	return ms;
}

static void release(struct import *import)
{
	for (size_t i = 0; i < import->count; i++)
		free(import->list[i].text);
	free(import->list);
	fclose(import->receipts);
	free(import->rejects_path);
}

int main(int argc, char **argv)
{
	struct program_call call = program_begin(argc, argv, &program);
	char *const *words = call.words;
	struct import import = {.name = program_option(&call, "name"),
				.patience_ms = read_patience(program_option(&call, "patience"))};
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	import.file = words[1];
	char *url = x_printf("%s/v1/grievances/batch", words[0]);
	char *path = realpath(import.file, NULL);
	import.url = url;
	if (!import.name)
		import.name = path ? path : import.file;
	read_lines(&import);
	import.rejects_path = x_printf("%s.refused", words[2]);
	import.receipts = open_private(words[2], 0);
	setvbuf(import.receipts, NULL, _IOFBF, RECEIPTS_ROOM);
	read_receipts(&import);
	int result = send_all(&import);
	finish_rejects(&import);
	if (isatty(STDERR_FILENO))
		fputc('\n', stderr);
	fprintf(stderr, "%zu rows: %zu taken, %zu refused\n", import.rows, import.done,
		import.refused);
	if (import.refused)
		log_info(0, "the refused ones are in %s", import.rejects_path);
	if (result)
		log_error(0, "%s: %s: gave up; run it again to go on", import.url, import.reason);
	bool complete = !result && !import.refused;
	release(&import);
	free(url);
	free(path);
	curl_global_cleanup();
	return complete ? 0 : 1;
}
