/*
 * The bare cost of the permanent record: the same rows as the archive holds, copied in binary with
 * an offset row in the same transaction, and nothing else: no Kafka, no parsing, no decision.
 *
 *   bare_copy CONNINFO TRANSACTIONS TABLE=FILE...
 *
 * FILE: the table's rows as COPY ... TO (FORMAT binary) wrote them. Every transaction takes the
 * same share of each file. Prints the seconds it took.
 */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TABLES_MAX  32
#define HEADER_SIZE 19 /* signature, flags, extension length */

struct table {
	char statement[128];
	char *data;
	size_t *starts; /* of each row, and the end of the last */
	size_t rows;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bare_copy: %s: %s\n", what, why);
	exit(1);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void check(PGconn *db, PGresult *result, ExecStatusType wanted, const char *what)
{
	if (PQresultStatus(result) != wanted)
		die(what, PQerrorMessage(db));
	PQclear(result);
}

static char *read_whole(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		die(path, "cannot be opened");
	fseek(file, 0, SEEK_END);
	*size = (size_t)ftell(file);
	rewind(file);
	char *data = malloc(*size);
	if (!data || fread(data, 1, *size, file) != *size)
		die(path, "cannot be read");
	fclose(file);
	return data;
}

/* Where the row after this one starts; 0: the trailer. */
static size_t row_end(const char *data, size_t at)
{
	int16_t columns;
	memcpy(&columns, data + at, sizeof(columns));
	columns = (int16_t)ntohs((uint16_t)columns);
	if (columns < 0)
		return 0;
	at += sizeof(columns);
	for (int16_t i = 0; i < columns; i++) {
		int32_t length;
		memcpy(&length, data + at, sizeof(length));
		length = (int32_t)ntohl((uint32_t)length);
		at += sizeof(length) + (length > 0 ? (size_t)length : 0);
	}
	return at;
}

static void table_load(struct table *table, char *argument)
{
	char *path = strchr(argument, '=');
	size_t size, room = 0;
	if (!path)
		die(argument, "is not TABLE=FILE");
	*path++ = '\0';
	snprintf(table->statement, sizeof(table->statement), "COPY %s FROM STDIN (FORMAT binary)",
		 argument);
	table->data = read_whole(path, &size);
	for (size_t at = HEADER_SIZE; at; at = row_end(table->data, at)) {
		if (table->rows + 1 > room) {
			room = room ? 2 * room : 4096;
			table->starts = realloc(table->starts, room * sizeof(*table->starts));
			if (!table->starts)
				die(path, "out of memory");
		}
		table->starts[table->rows++] = at;
	}
	table->rows--; /* the trailer is no row */
}

static void copy_share(PGconn *db, const struct table *table, size_t share, size_t shares)
{
	static const char header[HEADER_SIZE] = "PGCOPY\n\377\r\n\0";
	static const char trailer[2] = {-1, -1};
	size_t first = table->rows * share / shares, end = table->rows * (share + 1) / shares;
	if (first == end)
		return;
	check(db, PQexec(db, table->statement), PGRES_COPY_IN, table->statement);
	size_t from = table->starts[first], size = table->starts[end] - from;
	if (PQputCopyData(db, header, sizeof(header)) != 1 ||
	    PQputCopyData(db, table->data + from, (int)size) != 1 ||
	    PQputCopyData(db, trailer, sizeof(trailer)) != 1 || PQputCopyEnd(db, NULL) != 1)
		die(table->statement, PQerrorMessage(db));
	check(db, PQgetResult(db), PGRES_COMMAND_OK, table->statement);
	while (PQgetResult(db))
		;
}

static void copy_all(PGconn *db, const struct table *tables, size_t count, size_t shares)
{
	for (size_t share = 0; share < shares; share++) {
		char fence[128];
		check(db, PQexec(db, "BEGIN"), PGRES_COMMAND_OK, "BEGIN");
		for (size_t i = 0; i < count; i++)
			copy_share(db, &tables[i], share, shares);
		snprintf(fence, sizeof(fence), "UPDATE bare_offset SET next = %zu WHERE next = %zu",
			 share + 1, share);
		check(db, PQexec(db, fence), PGRES_COMMAND_OK, fence);
		check(db, PQexec(db, "COMMIT"), PGRES_COMMAND_OK, "COMMIT");
	}
}

int main(int argc, char **argv)
{
	static struct table tables[TABLES_MAX];
	size_t count = 0, shares = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	if (argc < 4 || shares == 0 || argc - 3 > TABLES_MAX)
		die("usage", "bare_copy CONNINFO TRANSACTIONS TABLE=FILE...");
	for (int i = 3; i < argc; i++)
		table_load(&tables[count++], argv[i]);
	PGconn *db = PQconnectdb(argv[1]);
	if (PQstatus(db) != CONNECTION_OK)
		die("connect", PQerrorMessage(db));
	check(db, PQexec(db, "CREATE TABLE bare_offset (next bigint)"), PGRES_COMMAND_OK, "create");
	check(db, PQexec(db, "INSERT INTO bare_offset VALUES (0)"), PGRES_COMMAND_OK, "insert");
	double start = now();
	copy_all(db, tables, count, shares);
	printf("%.3f\n", now() - start);
	PQfinish(db);
	return 0;
}
