/*
 * NAME      redress-submit - submit a file of grievances
 * SYNOPSIS  redress-submit URL FILE RECEIPTS
 *
 * FILE holds one submission a line, JSON as for POST /v1/grievances; URL is intake's, without a
 * path. RECEIPTS gets a line for each: line number, tab, case number, tab, receipt code (or
 * "refused" and why). Run again after an interruption it goes on behind the lines that have a
 * receipt; a line's Idempotency-Key is a hash of the line and its number, so none becomes two
 * cases. RECEIPTS opens every case in it: only its owner may read it.
 *
 * EXIT      0 everything was taken; 1 some lines were refused, or it could not be done; 2 usage
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/alloc.h"
#include "util/buffer.h"
#include "util/log.h"
#include "util/text.h"

#define AT_ONCE   32
#define RETRY_US  500000
#define TIMEOUT_S 60L
#define BAR_WIDTH 40

struct line {
	size_t number; /* 1.. */
	char *text;
	bool done;
};

struct lines {
	struct line *list;
	size_t count, done, refused;
};

struct request {
	struct line *line;
	CURL *transfer;
	struct curl_slist *headers;
	struct buffer reply;
};

static struct lines read_lines(const char *path)
{
	struct lines lines = {NULL, 0, 0, 0};
	char *text = NULL;
	size_t room = 0;
	FILE *file = fopen(path, "r");
	if (!file)
		fatal("%s cannot be read", path);
	while (getline(&text, &room, file) > 0) {
		text[strcspn(text, "\n")] = '\0';
		lines.list = x_realloc(lines.list, lines.count + 1, sizeof(*lines.list));
		lines.list[lines.count] =
		    (struct line){lines.count + 1, x_strdup(text), *text == '\0'};
		lines.done += *text == '\0';
		lines.count++;
	}
	free(text);
	fclose(file);
	return lines;
}

/* Passes over what has a receipt from an earlier run; a last line that was cut off is cut away. */
static void read_receipts(struct lines *lines, FILE *receipts)
{
	char *text = NULL;
	size_t room = 0;
	off_t whole = 0;
	for (ssize_t size; (size = getline(&text, &room, receipts)) > 0;) {
		size_t number = strtoul(text, NULL, 10);
		if (text[size - 1] != '\n')
			break;
		whole += size;
		if (number < 1 || number > lines->count || lines->list[number - 1].done)
			continue;
		lines->list[number - 1].done = true;
		lines->done++;
		lines->refused += strstr(text, "\trefused\t") != NULL;
	}
	free(text);
	if (fseeko(receipts, whole, SEEK_SET) || ftruncate(fileno(receipts), whole))
		fatal("the receipts cannot be written");
}

static FILE *open_receipts(const char *path)
{
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0)
		fatal("%s cannot be written", path);
	return fdopen(file, "r+");
}

static void show_progress(const struct lines *lines)
{
	if (!isatty(2) && lines->done != lines->count)
		return;
	int full = lines->count ? (int)(lines->done * BAR_WIDTH / lines->count) : BAR_WIDTH;
	fprintf(stderr, "\r[%.*s%*s] %zu of %zu", full, "########################################",
		BAR_WIDTH - full, "", lines->done, lines->count);
}

static size_t on_reply(char *data, size_t size, size_t count, void *self)
{
	buffer_add(self, data, size * count);
	return size * count;
}

static struct request *start(CURLM *multi, const char *url, struct line *line)
{
	uint8_t hash[16];
	char hex[33], key[80];
	struct request *request = x_calloc(1, sizeof(*request));
	crypto_generichash(hash, sizeof(hash), (const uint8_t *)line->text, strlen(line->text),
			   NULL, 0);
	text_hex(hex, hash, sizeof(hash));
	snprintf(key, sizeof(key), "Idempotency-Key: %zu-%s", line->number, hex);
	request->line = line;
	request->headers = curl_slist_append(NULL, "Content-Type: application/json");
	request->headers = curl_slist_append(request->headers, key);
	request->transfer = curl_easy_init();
	curl_easy_setopt(request->transfer, CURLOPT_URL, url);
	curl_easy_setopt(request->transfer, CURLOPT_HTTPHEADER, request->headers);
	curl_easy_setopt(request->transfer, CURLOPT_POSTFIELDS, line->text);
	curl_easy_setopt(request->transfer, CURLOPT_WRITEFUNCTION, on_reply);
	curl_easy_setopt(request->transfer, CURLOPT_WRITEDATA, &request->reply);
	curl_easy_setopt(request->transfer, CURLOPT_PRIVATE, request);
	curl_easy_setopt(request->transfer, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_multi_add_handle(multi, request->transfer);
	return request;
}

static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

/* false: to be sent again. */
static bool take_reply(struct lines *lines, struct request *request, CURLcode code, FILE *receipts)
{
	long status = 0;
	curl_easy_getinfo(request->transfer, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK || status == 503 || status == 429 || status >= 500)
		return false;
	if (status != 201 && status != 400 && status != 409 && status != 413 && status != 422)
		fatal("the server answers %ld: is this intake's address?", status);
	json_t *reply =
	    json_loadb(request->reply.data ? request->reply.data : "", request->reply.len, 0, NULL);
	if (status == 201)
		fprintf(receipts, "%zu\t%s\t%s\n", request->line->number,
			member(reply, "case_number"), member(reply, "receipt_code"));
	else
		fprintf(receipts, "%zu\trefused\t%ld %s %s\n", request->line->number, status,
			member(reply, "field"), member(reply, "detail"));
	fflush(receipts);
	lines->refused += status != 201;
	request->line->done = true;
	lines->done++;
	json_decref(reply);
	return true;
}

/* One round over what is not done; what must be sent again is left for the next. */
static bool send_all(struct lines *lines, const char *url, FILE *receipts)
{
	CURLM *multi = curl_multi_init();
	size_t next = 0, running = 0;
	int active, left;
	bool complete = true;
	do {
		for (; running < AT_ONCE && next < lines->count; next++) {
			if (lines->list[next].done)
				continue;
			start(multi, url, &lines->list[next]);
			running++;
		}
		curl_multi_perform(multi, &active);
		for (CURLMsg *note; (note = curl_multi_info_read(multi, &left));) {
			struct request *request;
			curl_easy_getinfo(note->easy_handle, CURLINFO_PRIVATE, (char **)&request);
			complete &= take_reply(lines, request, note->data.result, receipts);
			curl_multi_remove_handle(multi, request->transfer);
			curl_easy_cleanup(request->transfer);
			curl_slist_free_all(request->headers);
			buffer_free(&request->reply);
			free(request);
			running--;
			show_progress(lines);
		}
		if (running)
			curl_multi_poll(multi, NULL, 0, 100, NULL);
	} while (running || next < lines->count);
	curl_multi_cleanup(multi);
	return complete;
}

int main(int argc, char **argv)
{
	log_setup("submit", LOG_LEVEL_INFO, false);
	if (argc != 4 || argv[1][0] == '-') {
		fprintf(stderr, "usage: redress-submit URL FILE RECEIPTS\n"
				"Submits each line of FILE (JSON) and keeps the receipts.\n");
		return 2;
	}
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	char *url = x_printf("%s/v1/grievances", argv[1]);
	struct lines lines = read_lines(argv[2]);
	FILE *receipts = open_receipts(argv[3]);
	read_receipts(&lines, receipts);
	while (!send_all(&lines, url, receipts)) {
		fprintf(stderr, "\nnot everything was taken; going on\n");
		usleep(RETRY_US);
	}
	show_progress(&lines);
	fprintf(stderr, "\n%zu lines, %zu refused\n", lines.count, lines.refused);
	for (size_t i = 0; i < lines.count; i++)
		free(lines.list[i].text);
	free(lines.list);
	fclose(receipts);
	free(url);
	curl_global_cleanup();
	return lines.refused ? 1 : 0;
}
