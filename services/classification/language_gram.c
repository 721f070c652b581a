#include "language_gram.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include "util/alloc.h"

#define TABLE_SIZE  0x10000
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
	struct script_table *table = x_calloc(1, sizeof(*table));
	for (UChar32 c = 0; c < TABLE_SIZE; c++) {
		UChar32 lower = u_tolower(c);
		table->lower[c] = (uint16_t)(lower < TABLE_SIZE ? lower : c);
		table->script[c] = U_IS_SURROGATE(c) ? SCRIPT_NONE : script_of(c);
	}
	table->lower[0x0130] = 'i'; /* Turkish capital I with a dot */
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

static void end_word(struct letters *letters)
{
	if (letters->letter[letters->count - 1] == LETTER_BREAK)
		return;
	letters->script[letters->count] = SCRIPT_NONE;
	letters->letter[letters->count++] = LETTER_BREAK;
}

void letters_of(const struct script_table *table, const char *text, size_t size,
		struct letters *letters)
{
	uint8_t script;
	uint16_t letter;
	size_t read = 0;
	letters->count = 1;
	letters->letter[0] = LETTER_BREAK;
	letters->script[0] = SCRIPT_NONE;
	memset(letters->weight, 0, sizeof(letters->weight));
	for (size_t i = 0; i < size && read < LANGUAGE_LETTERS_MAX;) {
		UChar32 c;
		U8_NEXT((const uint8_t *)text, i, size, c);
		if (c >= 0 && c < TABLE_SIZE) {
			script = table->script[c];
			letter = table->lower[c];
		} else { /* beyond the table only Han has letters that many people write */
			script = c >= 0x20000 && c < 0x32000 ? SCRIPT_HAN : SCRIPT_NONE;
			letter = (uint16_t)c;
		}
		if (script == SCRIPT_MARK)
			script = letters->script[letters->count - 1];
		else if (script < SCRIPTS_MAX)
			letters->weight[script]++;
		if (script == SCRIPT_DROP)
			continue;
		if (script == SCRIPT_NONE) {
			end_word(letters);
			continue;
		}
		if (script != letters->script[letters->count - 1])
			end_word(letters);
		letters->script[letters->count] = script;
		letters->letter[letters->count++] = letter;
		read++;
	}
	end_word(letters);
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

/* n-grams that end in each letter of the word between the breaks, and the word itself. */
static size_t word_grams(const uint16_t *word, size_t length, bool bordered, unsigned shift,
			 uint32_t *rows)
{
	uint32_t *row = rows, a = 0, b = 0, c = 0, whole = 5;
	size_t known = 0;
	for (size_t i = bordered ? 0 : 1; i < length + (bordered ? 2 : 1); i++) {
		uint32_t d = (is_break(word[i]) ? 1u : word[i]) * PRIME;
		d ^= d >> 15;
		if (known >= 1) /* two, three and four letters; each gram is a sum of rotations */
			*row++ = ((c * 3 + d) * PRIME) >> shift;
		if (known >= 2)
			*row++ = ((b * 7 + c * 11 + d) * PRIME) >> shift;
		if (known >= 3)
			*row++ = ((a * 13 + b * 17 + c * 19 + d) * PRIME) >> shift;
		whole = (whole + d) * PRIME;
		a = b;
		b = c;
		c = d;
		known++;
	}
	if (bordered && length >= 3 && length <= WORD_MAX)
		*row++ = (whole ^ whole >> 16) * PRIME >> shift;
	return (size_t)(row - rows);
}

size_t letters_grams(const struct letters *letters, enum script script, unsigned bits,
		     uint32_t rows[LANGUAGE_GRAMS_MAX])
{
	size_t count = 0;
	for (size_t i = 1; i < letters->count;) {
		size_t end = i;
		while (!is_break(letters->letter[end]))
			end++;
		if (end > i && letters->script[i] == script) {
			bool bordered = letters->letter[end] == LETTER_BREAK;
			if (script == SCRIPT_HAN) { /* each ideograph is much of a word */
				for (size_t k = i; k < end; k++)
					rows[count++] =
					    letters->letter[k] * PRIME * 5 >> (32 - bits);
				bordered = false;
			}
			count += word_grams(letters->letter + i - 1, end - i, bordered, 32 - bits,
					    rows + count);
		}
		i = end + 1;
	}
	return count;
}
