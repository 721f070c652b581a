#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "domain/receipt.h"
#include "domain/seal.h"
#include "domain/unseal.h"

#define NUMBER UINT64_C(0x123456789abcdef)

static const char secret_text[] = "the water has been brown since Monday";

struct fixture {
	struct arena *arena;
	uint8_t key[SEAL_KEY_SIZE];
	uint8_t nonce[SEAL_NONCE_SIZE];
	struct seal_bytes sealed;
	struct err err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->arena = arena_new();
	randombytes_buf(f->key, sizeof(f->key));
	randombytes_buf(f->nonce, sizeof(f->nonce));
	f->sealed = seal_close(f->arena, f->key, NUMBER, SEAL_TEXT, f->nonce, secret_text,
			       strlen(secret_text));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	arena_free(&f->arena);
	free(f);
	return 0;
}

static int reopen(struct fixture *f, uint64_t number, enum seal_part part, size_t size)
{
	struct seal_bytes plain;
	int result =
	    seal_open(f->arena, f->key, number, part, f->sealed.data, size, &plain, &f->err);
	if (!result) {
		assert_int_equal(plain.len, strlen(secret_text));
		assert_memory_equal(plain.data, secret_text, plain.len);
	}
	return result;
}

static void what_is_sealed_opens_again(void **state)
{
	struct fixture *f = *state;
	assert_null(memmem(f->sealed.data, f->sealed.len, "water", 5));
	assert_int_equal(reopen(f, NUMBER, SEAL_TEXT, f->sealed.len), 0);
}

static void it_cannot_be_moved_to_another_case_or_part(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(reopen(f, NUMBER + 1, SEAL_TEXT, f->sealed.len), -1);
	assert_int_equal(reopen(f, NUMBER, SEAL_CONTACT, f->sealed.len), -1);
}

static void every_changed_or_missing_byte_is_seen(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < f->sealed.len; i++) {
		f->sealed.data[i] ^= 1;
		assert_int_equal(reopen(f, NUMBER, SEAL_TEXT, f->sealed.len), -1);
		f->sealed.data[i] ^= 1;
		assert_int_equal(reopen(f, NUMBER, SEAL_TEXT, i), -1);
	}
}

static void a_wrapped_key_unwraps_only_in_its_place(void **state)
{
	struct fixture *f = *state;
	uint8_t epoch[SEAL_KEY_SIZE], wrapped[SEAL_WRAPPED_SIZE], again[SEAL_WRAPPED_SIZE];
	uint8_t key[SEAL_KEY_SIZE], other[SEAL_KEY_SIZE] = {1};
	randombytes_buf(epoch, sizeof(epoch));
	seal_wrap(wrapped, epoch, NUMBER, SEAL_TEXT, f->key);
	assert_int_equal(
	    seal_unwrap(key, epoch, NUMBER, SEAL_TEXT, wrapped, sizeof(wrapped), &f->err), 0);
	assert_memory_equal(key, f->key, sizeof(key));
	assert_int_equal(
	    seal_unwrap(key, epoch, NUMBER, SEAL_CONTACT, wrapped, sizeof(wrapped), &f->err), -1);
	assert_int_equal(
	    seal_unwrap(key, epoch, NUMBER + 1, SEAL_TEXT, wrapped, sizeof(wrapped), &f->err), -1);
	/* a submission repeated under its number wraps another key: never under the same nonce */
	seal_wrap(again, epoch, NUMBER, SEAL_TEXT, other);
	assert_memory_not_equal(again, wrapped, SEAL_NONCE_SIZE);
}

/* An epoch sealed as intake does it, and a case key under it. */
struct epoch {
	uint8_t public[3][32], secret[3][32];
	uint8_t text_key[SEAL_KEY_SIZE], contact_key[SEAL_KEY_SIZE];
	uint8_t sealed[4][SEAL_EPOCH_SEALED_SIZE], wrapped[2][SEAL_WRAPPED_SIZE];
	uint8_t id[SEAL_EPOCH_ID_SIZE];
	Redress__Epoch message;
	Redress__CaseKey case_key;
};

static void make_epoch(struct epoch *e, const uint8_t key[SEAL_KEY_SIZE])
{
	for (int role = 0; role < 3; role++)
		crypto_box_keypair(e->public[role], e -> secret[role]);
	randombytes_buf(e->text_key, sizeof(e->text_key));
	randombytes_buf(e->contact_key, sizeof(e->contact_key));
	randombytes_buf(e->id, sizeof(e->id));
	seal_epoch_close(e->sealed[0], e->public[ROLE_CLASSIFICATION], e -> text_key);
	seal_epoch_close(e->sealed[1], e->public[ROLE_OFFICER], e -> text_key);
	seal_epoch_close(e->sealed[2], e->public[ROLE_NOTIFICATION], e -> contact_key);
	seal_epoch_close(e->sealed[3], e->public[ROLE_OFFICER], e -> contact_key);
	seal_wrap(e->wrapped[0], e->text_key, NUMBER, SEAL_TEXT, key);
	seal_wrap(e->wrapped[1], e->contact_key, NUMBER, SEAL_CONTACT, key);
	redress__epoch__init(&e->message);
	redress__case_key__init(&e->case_key);
	const ProtobufCBinaryData id = {sizeof(e->id), e->id};
	e->message.id = e->case_key.epoch_id = id;
	e->message.text_for_classification =
	    (ProtobufCBinaryData){SEAL_EPOCH_SEALED_SIZE, e->sealed[0]};
	e->message.text_for_officer = (ProtobufCBinaryData){SEAL_EPOCH_SEALED_SIZE, e->sealed[1]};
	e->message.contact_for_notification =
	    (ProtobufCBinaryData){SEAL_EPOCH_SEALED_SIZE, e->sealed[2]};
	e->message.contact_for_officer =
	    (ProtobufCBinaryData){SEAL_EPOCH_SEALED_SIZE, e->sealed[3]};
	e->case_key.text_key = (ProtobufCBinaryData){SEAL_WRAPPED_SIZE, e->wrapped[0]};
	e->case_key.contact_key = (ProtobufCBinaryData){SEAL_WRAPPED_SIZE, e->wrapped[1]};
}

static void each_role_reads_its_parts_and_no_others(void **state)
{
	static const struct {
		enum role role;
		enum seal_part part;
		int result;
	} may[] = {
	    {ROLE_CLASSIFICATION, SEAL_TEXT, 0}, {ROLE_CLASSIFICATION, SEAL_CONTACT, -1},
	    {ROLE_NOTIFICATION, SEAL_TEXT, -1},  {ROLE_NOTIFICATION, SEAL_CONTACT, 0},
	    {ROLE_OFFICER, SEAL_TEXT, 0},        {ROLE_OFFICER, SEAL_CONTACT, 0},
	};
	struct fixture *f = *state;
	struct epoch e;
	make_epoch(&e, f->key);
	for (size_t i = 0; i < sizeof(may) / sizeof(*may); i++) {
		uint8_t key[SEAL_KEY_SIZE] = {0};
		struct unsealer *unsealer =
		    unsealer_new(may[i].role, e.public[may[i].role], e.secret[may[i].role]);
		for (int twice = 0; twice < 2; twice++)
			assert_int_equal(unsealer_key(unsealer, &e.message, &e.case_key, NUMBER,
						      may[i].part, key, &f->err),
					 may[i].result);
		if (!may[i].result)
			assert_memory_equal(key, f->key, sizeof(key));
		unsealer_free(&unsealer);
	}
}

static void a_stranger_opens_nothing(void **state)
{
	struct fixture *f = *state;
	struct epoch e, other;
	uint8_t key[SEAL_KEY_SIZE];
	make_epoch(&e, f->key);
	make_epoch(&other, f->key);
	struct unsealer *unsealer =
	    unsealer_new(ROLE_OFFICER, other.public[ROLE_OFFICER], other.secret[ROLE_OFFICER]);
	assert_int_equal(
	    unsealer_key(unsealer, &e.message, &e.case_key, NUMBER, SEAL_TEXT, key, &f->err), -1);
	/* nor does a case key that belongs to another epoch */
	assert_int_equal(
	    unsealer_key(unsealer, &other.message, &e.case_key, NUMBER, SEAL_TEXT, key, &f->err),
	    -1);
	unsealer_free(&unsealer);
}

static void a_receipt_opens_its_case_and_no_other(void **state)
{
	(void)state;
	uint8_t key[RECEIPT_KEY_SIZE] = {3}, hash[RECEIPT_HASH_SIZE];
	char code[RECEIPT_TEXT_SIZE], again[RECEIPT_TEXT_SIZE];
	receipt_make(key, NUMBER, code);
	receipt_make(key, NUMBER, again);
	assert_string_equal(code, again);
	assert_int_equal(strlen(code), 19);
	assert_true(receipt_hash(code, NUMBER, hash));
	assert_true(receipt_matches(code, NUMBER, hash, sizeof(hash)));
	assert_false(receipt_matches(code, NUMBER + 1, hash, sizeof(hash)));
	assert_false(receipt_matches("", NUMBER, hash, sizeof(hash)));
	assert_false(receipt_matches(code, NUMBER, hash, 0));
	for (char *p = code; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
		else if (*p == '-')
			*p = ' ';
	}
	assert_true(receipt_matches(code, NUMBER, hash, sizeof(hash)));
	code[0] = code[0] == '0' ? '2' : '0';
	assert_false(receipt_matches(code, NUMBER, hash, sizeof(hash)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_is_sealed_opens_again, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(it_cannot_be_moved_to_another_case_or_part, set_up,
					    tear_down),
	    cmocka_unit_test_setup_teardown(every_changed_or_missing_byte_is_seen, set_up,
					    tear_down),
	    cmocka_unit_test_setup_teardown(a_wrapped_key_unwraps_only_in_its_place, set_up,
					    tear_down),
	    cmocka_unit_test_setup_teardown(each_role_reads_its_parts_and_no_others, set_up,
					    tear_down),
	    cmocka_unit_test_setup_teardown(a_stranger_opens_nothing, set_up, tear_down),
	    cmocka_unit_test(a_receipt_opens_its_case_and_no_other),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
