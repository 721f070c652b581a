#include "text/language_gram.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include "numeric/processor.h"
#include "util/alloc.h"
#include "util/log.h"

#define TABLE_SIZE  0x10000
#define ACCENTS_END 0x0700 /* marks below make one letter with the one before, others seldom do */
#define DOT_ABOVE   0x0307
#define DOTLESS_I   0x0131
#define SHARP_S     0x00DF
#define SCRIPT_MARK 0xFF /* goes with the letter before it */
#define SCRIPT_DROP 0xFE /* is as if it were not there */
#define SYLLABLE    3    /* letters of an alphabet that a syllable or an ideograph stands for */
#define WORD_MAX    16   /* longer words are told by their parts */

/* In the order of enum script, from SCRIPT_GROUPS on. "": a letter, but of no language we know. */
static const struct {
	UScriptCode script;
	const char *code;
} sole[] = {
    {USCRIPT_UNKNOWN, ""},     {USCRIPT_HANGUL, "ko"},   {USCRIPT_HIRAGANA, "ja"},
    {USCRIPT_KATAKANA, "ja"},  {USCRIPT_THAI, "th"},     {USCRIPT_GREEK, "el"},
    {USCRIPT_HEBREW, "he"},    {USCRIPT_ARMENIAN, "hy"}, {USCRIPT_GEORGIAN, "ka"},
    {USCRIPT_BENGALI, "bn"},   {USCRIPT_GURMUKHI, "pa"}, {USCRIPT_GUJARATI, "gu"},
    {USCRIPT_TAMIL, "ta"},     {USCRIPT_TELUGU, "te"},   {USCRIPT_KANNADA, "kn"},
    {USCRIPT_MALAYALAM, "ml"}, {USCRIPT_SINHALA, "si"},  {USCRIPT_ORIYA, "or"},
    {USCRIPT_LAO, "lo"},       {USCRIPT_KHMER, "km"},    {USCRIPT_MYANMAR, "my"},
    {USCRIPT_ETHIOPIC, "am"},  {USCRIPT_THAANA, "dv"},   {USCRIPT_TIBETAN, "bo"},
};
#define SOLE_COUNT (sizeof(sole) / sizeof(sole[0]))

enum { SCRIPT_UNKNOWN = SCRIPT_GROUPS, SCRIPT_HANGUL, SCRIPT_HIRAGANA, SCRIPT_KATAKANA };

struct script_table {
	const UNormalizer2 *composer;
	uint16_t lower[TABLE_SIZE];
	uint8_t script[TABLE_SIZE];
};

static uint8_t script_of_letter(UChar32 c)
{
	UErrorCode status = U_ZERO_ERROR;
	UScriptCode script = uscript_getScript(c, &status);
	switch (script) {
	case USCRIPT_LATIN:
		return SCRIPT_LATIN;
	case USCRIPT_CYRILLIC:
		return SCRIPT_CYRILLIC;
	case USCRIPT_ARABIC:
		return SCRIPT_ARABIC;
	case USCRIPT_DEVANAGARI:
		return SCRIPT_DEVANAGARI;
	case USCRIPT_HAN:
		return SCRIPT_HAN;
	default:
		break;
	}
	for (size_t i = 1; i < SOLE_COUNT; i++) {
		if (sole[i].script == script)
			return (uint8_t)(SCRIPT_GROUPS + i);
	}
	return SCRIPT_UNKNOWN;
}

static uint8_t script_of(UChar32 c)
{
	if (u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) || c == 0x0640)
		return SCRIPT_DROP; /* 0640: tatweel, which stretches a word */
	if (c >= 0x064B && c <= 0x0652)
		return SCRIPT_DROP; /* vowel points, which few people write */
	if (U_GET_GC_MASK(c) & U_GC_M_MASK)
		return SCRIPT_MARK;
	return U_GET_GC_MASK(c) & U_GC_L_MASK ? script_of_letter(c) : SCRIPT_NONE;
}

struct script_table *script_table_new(void)
{
	UErrorCode status = U_ZERO_ERROR;
	struct script_table *table = x_calloc(1, sizeof(*table));
	table->composer = unorm2_getNFCInstance(&status);
	if (U_FAILURE(status))
		fatal("ICU cannot compose: %s", u_errorName(status));
	for (UChar32 c = 0; c < TABLE_SIZE; c++) {
		UChar32 lower = u_foldCase(c, U_FOLD_CASE_DEFAULT);
		table->lower[c] = (uint16_t)(lower < TABLE_SIZE ? lower : c);
		table->script[c] = U_IS_SURROGATE(c) ? SCRIPT_NONE : script_of(c);
	}
	table->lower[DOTLESS_I] = 'i'; /* its capital is that of i */
	table->lower[0x0130] = 'i';    /* capital I with a dot */
	return table;
}

void script_table_free(struct script_table **table)
{
	free(*table);
	*table = NULL;
}

const char *script_sole_language(enum script script)
{
	return script >= SCRIPT_GROUPS ? sole[script - SCRIPT_GROUPS].code : "";
}

/* What c is in the table. Beyond it only Han has letters that many people write. */
static inline uint8_t look_up(const struct script_table *table, UChar32 c, uint16_t *letter)
{
	*letter = (uint16_t)c;
	if (c < 0 || c >= TABLE_SIZE)
		return c >= 0x20000 && c < 0x32000 ? SCRIPT_HAN : SCRIPT_NONE;
	*letter = table->lower[c];
	return table->script[c];
}

static inline size_t put(struct letters *letters, size_t count, uint16_t letter, uint8_t script)
{
	letters->letter[count] = letter;
	letters->script[count] = script;
	return count + 1;
}

/* Whether the mark and the letter before it are one letter, which *letter becomes. An i has its dot
 * already. */
static bool compose(const struct script_table *table, UChar32 mark, uint16_t *letter)
{
	if (mark >= ACCENTS_END)
		return false;
	if (mark == DOT_ABOVE && *letter == 'i')
		return true;
	UChar32 both = unorm2_composePair(table->composer, *letter, mark);
	if (both < 0 || both >= TABLE_SIZE)
		return false;
	*letter = (uint16_t)both;
	return true;
}

void letters_of(const struct script_table *table, const char *text, size_t size,
		struct letters *letters)
{
	uint8_t script, last = SCRIPT_NONE; /* of what was put */
	uint16_t letter;
	size_t read = 0, count = put(letters, 0, LETTER_BREAK, SCRIPT_NONE);
	memset(letters->weight, 0, sizeof(letters->weight));
	for (size_t i = 0; i < size && read < LANGUAGE_LETTERS_MAX;) {
		UChar32 c;
		U8_NEXT((const uint8_t *)text, i, size, c);
		script = look_up(table, c, &letter);
		if (script == SCRIPT_MARK) {
			if (compose(table, c, &letters->letter[count - 1]))
				continue;
			script = last;
		} else if (script < SCRIPTS_MAX) {
			letters->weight[script]++;
		}
		if (script == SCRIPT_DROP)
			continue;
		if (script != last && last != SCRIPT_NONE)
			count = put(letters, count, LETTER_BREAK, SCRIPT_NONE);
		last = script;
		if (script == SCRIPT_NONE)
			continue;
		if (letter == SHARP_S) { /* its capitals are those of ss */
			letter = 's';
			count = put(letters, count, letter, script);
			read++;
		}
		count = put(letters, count, letter, script);
		read++;
	}
	if (last != SCRIPT_NONE)
		count = put(letters, count, LETTER_BREAK, SCRIPT_NONE);
	letters->count = count;
	letters->weight[SCRIPT_NONE] = 0;
}

/* Scripts weighed against each other. Japanese is written in three of them at once; a text in Han
 * alone, which may be Japanese too, is left to its table. */
static void weigh(const struct letters *letters, uint32_t weight[SCRIPTS_MAX])
{
	memcpy(weight, letters->weight, sizeof(letters->weight));
	uint32_t kana = weight[SCRIPT_HIRAGANA] + weight[SCRIPT_KATAKANA];
	weight[SCRIPT_HIRAGANA] = weight[SCRIPT_KATAKANA] = 0;
	if (kana && kana * 8 >= weight[SCRIPT_HAN]) {
		weight[SCRIPT_HIRAGANA] = kana + weight[SCRIPT_HAN];
		weight[SCRIPT_HAN] = 0;
	}
	weight[SCRIPT_HAN] *= SYLLABLE;
	weight[SCRIPT_HIRAGANA] *= SYLLABLE;
	weight[SCRIPT_HANGUL] *= SYLLABLE;
}

enum script letters_script(const struct letters *letters, float *share)
{
	uint32_t weight[SCRIPTS_MAX], sum = 0, most = 0;
	int best = SCRIPT_NONE;
	weigh(letters, weight);
	for (int s = 1; s < SCRIPTS_MAX; s++) {
		sum += weight[s];
		most = weight[s] > most ? weight[s] : most;
	}
	while (most && weight[++best] != most)
		;
	*share = sum ? (float)most / (float)sum : 0;
	return (enum script)best;
}

#define PRIME 0x9E3779B1u

static bool is_break(uint16_t letter)
{
	return letter == LETTER_BREAK || letter == LETTER_GAP;
}

#define AT_ONCE   8 /* rows that are copied at a time */
#define GRAM_ROOM (LETTERS_ROOM + AT_ONCE)

/* The row of the n-gram that ends in each letter, whatever it is of, each of a sum of rotations. */
struct gram_rows {
	uint32_t hash[LETTERS_ROOM + 3]; /* of each letter, from the fourth on */
	uint32_t two[GRAM_ROOM], three[GRAM_ROOM], four[GRAM_ROOM];
};

ANY_PROCESSOR
static void hash_grams(const uint16_t *letter, size_t count, unsigned shift,
		       struct gram_rows *restrict rows)
{
	uint32_t *hash = rows->hash;
	memset(hash, 0, 3 * sizeof(*hash));
	for (size_t i = 0; i < count; i++) {
		uint32_t one = (is_break(letter[i]) ? 1u : letter[i]) * PRIME;
		hash[i + 3] = one ^ one >> 15;
	}
	for (size_t i = 0; i < count; i++) {
		uint32_t a = hash[i], b = hash[i + 1], c = hash[i + 2], d = hash[i + 3];
		rows->two[i] = ((c * 3 + d) * PRIME) >> shift;
		rows->three[i] = ((b * 7 + c * 11 + d) * PRIME) >> shift;
		rows->four[i] = ((a * 13 + b * 17 + c * 19 + d) * PRIME) >> shift;
	}
}

/* Writes beyond what it copies, up to AT_ONCE: without a branch to guess for most words. */
static inline uint32_t *copy(uint32_t *to, const uint32_t *rows, size_t from, size_t end)
{
	for (size_t i = from; i < end; i += AT_ONCE)
		memcpy(to + (i - from), rows + i, AT_ONCE * sizeof(*to));
	return from < end ? to + (end - from) : to;
}

/* All n-grams of the letters from begin to end, and if they have borders of the whole of them. */
static uint32_t *word_grams(uint32_t *to, const struct gram_rows *rows, size_t begin, size_t end,
			    bool bordered, unsigned shift)
{
	uint32_t whole = 5;
	to = copy(to, rows->two, begin + 1, end);
	to = copy(to, rows->three, begin + 2, end);
	to = copy(to, rows->four, begin + 3, end);
	if (!bordered || end - begin < 3 + 2 || end - begin > WORD_MAX + 2)
		return to;
	for (size_t i = begin; i < end; i++)
		whole = (whole + rows->hash[i + 3]) * PRIME;
	*to = (whole ^ whole >> 16) * PRIME >> shift;
	return to + 1;
}

size_t letters_grams(const struct letters *letters, enum script script, unsigned bits,
		     uint32_t rows[LANGUAGE_GRAMS_MAX])
{
	struct gram_rows grams;
	uint32_t *to = rows;
	/* each ideograph is much of a word, and has no borders */
	bool han = script == SCRIPT_HAN, bordered = !han && *letters->letter == LETTER_BREAK;
	hash_grams(letters->letter, letters->count, 32 - bits, &grams);
	for (size_t i = 1, end; i < letters->count; i = end + 1) {
		for (end = i; !is_break(letters->letter[end]); end++)
			;
		if (end == i || letters->script[i] != script)
			continue;
		for (size_t k = i; han && k < end; k++)
			*to++ = letters->letter[k] * PRIME * 5 >> (32 - bits);
		to = word_grams(to, &grams, i - bordered, end + bordered, bordered, 32 - bits);
	}
	return (size_t)(to - rows);
}
