#include "fold.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include "util/alloc.h"
#include "util/log.h"

#define TABLE_SIZE 0x10000

/* Class of a character: its kind, and what else must be known of it. */
enum {
	CLASS_NONE = 0, /* separates */
	CLASS_WORD,
	CLASS_DENSE,
	CLASS_RUN,
	CLASS_MARK, /* belongs to the token before it */
	CLASS_KIND = 0x07,
	CLASS_SPACE = 0x08,
	CLASS_LATIN = 0x10,
	CLASS_DROP = 0x20,
	CLASS_SPECIAL = 0x40, /* see struct special */
	CLASS_COMPLEX = 0x80, /* only ICU can normalise a text that has it */
};

#define SPECIAL_POINTS 4

/*
 * A character that becomes several, or a mark that stays as it is where it stands in order: its
 * combining class is not below that of a mark before it. (Thai is full of these, Turkish of capital
 * dotted I; the library would take several times as long.)
 */
struct special {
	uint16_t point[SPECIAL_POINTS];
	uint8_t count;
	uint8_t order, last_order; /* combining classes of the first and of the last */
};

struct fold_table {
	const UNormalizer2 *normalizer;
	uint16_t folded[TABLE_SIZE]; /* of CLASS_SPECIAL: the number of the special */
	uint8_t class[TABLE_SIZE];
	struct special *special;
	uint16_t specials;
};

/* Written one for another, by habit or for want of a keyboard; a text in capitals loses the first
 * of them in Turkish anyway. */
static const uint16_t variants[][2] = {
    {0x0131, 'i'},                                        /* Turkish dotless i */
    {0x0451, 0x0435},                                     /* Russian yo */
    {0x0622, 0x0627}, {0x0623, 0x0627}, {0x0625, 0x0627}, /* Arabic alef with madda, hamza */
    {0x0649, 0x064A},                                     /* alef maksura, yeh */
    {0x06CC, 0x064A},                                     /* Farsi yeh */
    {0x0629, 0x0647},                                     /* teh marbuta, heh */
    {0x06A9, 0x0643},                                     /* keheh, kaf */
};

static bool is_letter_like(UChar32 c)
{
	return U_GET_GC_MASK(c) & (U_GC_L_MASK | U_GC_ND_MASK | U_GC_NL_MASK);
}

static uint8_t script_class(UChar32 c)
{
	UErrorCode status = U_ZERO_ERROR;
	switch (uscript_getScript(c, &status)) {
	case USCRIPT_HANGUL:
		return CLASS_DENSE;
	case USCRIPT_LATIN:
		return CLASS_WORD | CLASS_LATIN;
	case USCRIPT_HAN:
	case USCRIPT_HIRAGANA:
	case USCRIPT_KATAKANA:
	case USCRIPT_THAI:
	case USCRIPT_LAO:
	case USCRIPT_KHMER:
	case USCRIPT_MYANMAR:
	case USCRIPT_TIBETAN:
		return CLASS_RUN;
	default:
		return CLASS_WORD;
	}
}

static uint8_t character_class(UChar32 c)
{
	if (c == 0x0640 || (c >= 0x064B && c <= 0x0652) || c == 0x0307)
		return CLASS_DROP; /* Arabic kashida and vowel marks; the dot of a folded I */
	if (u_isUWhiteSpace(c))
		return CLASS_SPACE;
	if (is_letter_like(c))
		return script_class(c);
	if (U_GET_GC_MASK(c) & U_GC_M_MASK)
		return CLASS_MARK;
	if (u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT))
		return CLASS_DROP;
	return CLASS_NONE;
}

/* What c alone becomes, of how many characters; 0: that depends on its neighbours, or is too much.
 */
static int32_t fold_alone(const UNormalizer2 *normalizer, UChar32 c, UChar folded[SPECIAL_POINTS])
{
	UErrorCode status = U_ZERO_ERROR;
	UChar in = (UChar)c;
	if (U_IS_SURROGATE(c))
		return 0;
	if (!unorm2_hasBoundaryBefore(normalizer, c) &&
	    unorm2_quickCheck(normalizer, &in, 1, &status) != UNORM_YES)
		return 0;
	int32_t count = unorm2_normalize(normalizer, &in, 1, folded, SPECIAL_POINTS, &status);
	for (int32_t i = 0; i < count && i < SPECIAL_POINTS; i++) {
		if (U_IS_SURROGATE(folded[i]))
			return 0;
	}
	return U_SUCCESS(status) ? count : 0;
}

static uint16_t add_special(struct fold_table *table, const UChar *points, int32_t count)
{
	struct special special = {.count = (uint8_t)count};
	memcpy(special.point, points, (size_t)count * sizeof(*points));
	special.order = u_getCombiningClass(points[0]);
	special.last_order = u_getCombiningClass(points[count - 1]);
	table->special =
	    x_realloc(table->special, (size_t)table->specials + 1, sizeof(*table->special));
	table->special[table->specials] = special;
	return table->specials++;
}

static uint16_t usual(uint16_t letter)
{
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		if (variants[i][0] == letter)
			return variants[i][1];
	}
	return letter;
}

static void add_character(struct fold_table *table, UChar32 c)
{
	UChar folded[SPECIAL_POINTS] = {(UChar)c};
	int32_t count = fold_alone(table->normalizer, c, folded);
	table->class[c] = character_class(folded[0]);
	table->folded[c] = usual(folded[0]); /* also of a capital's small letter */
	if (!count) {
		table->class[c] = character_class(c) | CLASS_COMPLEX;
		table->folded[c] = (uint16_t)c;
	} else if (count > 1 || u_getCombiningClass(folded[0])) {
		table->class[c] |= CLASS_SPECIAL;
		table->folded[c] = add_special(table, folded, count);
	}
}

struct fold_table *fold_table_new(void)
{
	UErrorCode status = U_ZERO_ERROR;
	struct fold_table *table = x_calloc(1, sizeof(*table));
	table->normalizer = unorm2_getNFKCCasefoldInstance(&status);
	if (U_FAILURE(status))
		fatal("ICU cannot fold: %s", u_errorName(status));
	for (UChar32 c = 0; c < TABLE_SIZE; c++)
		add_character(table, c);
	return table;
}

void fold_table_free(struct fold_table **table)
{
	if (!*table)
		return;
	free((*table)->special);
	free(*table);
	*table = NULL;
}

void folded_free(struct folded *folded)
{
	free(folded->points);
	free(folded->tokens);
	free(folded->utf16);
	*folded = (struct folded){0};
}

/* ---- cutting into tokens --------------------------------------------------------------------- */

/* A text while it is cut. On its own, not in struct folded: the processor keeps it in registers. */
struct cutter {
	uint32_t *points;
	struct token *tokens;
	size_t count, token_count;
	uint32_t letters;
	uint8_t classes; /* bits of all letters' */
	uint8_t kind;    /* of the token being written; CLASS_NONE: none is */
};

static struct cutter begin(const struct folded *out)
{
	struct cutter cutter = {.points = out->points, .tokens = out->tokens};
	cutter.points[cutter.count++] = ' ';
	return cutter;
}

static inline void end_token(struct cutter *cutter)
{
	if (cutter->kind == CLASS_NONE)
		return;
	struct token *token = &cutter->tokens[cutter->token_count++];
	token->len = (uint32_t)cutter->count - token->start;
	cutter->points[cutter->count++] = ' ';
	cutter->kind = CLASS_NONE;
}

static void finish(struct cutter *cutter, struct folded *out)
{
	end_token(cutter);
	out->count = cutter->count;
	out->token_count = cutter->token_count;
	out->letters = cutter->letters;
	out->latin = cutter->classes & CLASS_LATIN;
}

static inline void begin_token(struct cutter *cutter, uint8_t kind)
{
	static const enum token_kind kinds[] = {
	    [CLASS_WORD] = TOKEN_WORD, [CLASS_DENSE] = TOKEN_DENSE, [CLASS_RUN] = TOKEN_RUN};
	struct token *token = &cutter->tokens[cutter->token_count];
	token->start = (uint32_t)cutter->count;
	token->kind = kinds[kind];
	cutter->kind = kind;
}

static inline void take(struct cutter *cutter, uint32_t point, uint8_t class)
{
	uint8_t kind = class & CLASS_KIND;
	if (class & CLASS_DROP)
		return;
	if (kind == CLASS_MARK)
		kind = cutter->kind;
	if (kind == CLASS_NONE) {
		if (!(class & CLASS_SPACE) || cutter->kind != CLASS_RUN)
			end_token(cutter);
		return;
	}
	if (kind != cutter->kind) {
		end_token(cutter);
		begin_token(cutter, kind);
	}
	cutter->classes |= class;
	cutter->letters++;
	cutter->points[cutter->count++] = point;
}

static void take_special(const struct fold_table *table, struct cutter *cutter,
			 const struct special *special)
{
	for (uint8_t i = 0; i < special->count && cutter->count < FOLD_POINTS_MAX; i++) {
		uint16_t point = special->point[i];
		uint8_t class = table->class[point];
		take(cutter, class & CLASS_SPECIAL ? point : table->folded[point], class);
	}
}

static inline void take_point(const struct fold_table *table, struct cutter *cutter, UChar32 c)
{
	if (c < 0)
		take(cutter, ' ', CLASS_NONE);
	else if (c >= TABLE_SIZE)
		take(cutter, (uint32_t)c, character_class(c));
	else if (table->class[c] & CLASS_SPECIAL)
		take_special(table, cutter, &table->special[table->folded[c]]);
	else
		take(cutter, table->folded[c], table->class[c]);
}

/* Whether c is out of order, or can only be normalised with its neighbours. */
static inline bool is_complex(const struct fold_table *table, UChar32 c, uint8_t *order)
{
	uint8_t before = *order;
	*order = 0;
	if (c < 0)
		return false;
	if (c >= TABLE_SIZE)
		return is_letter_like(c) || (U_GET_GC_MASK(c) & U_GC_M_MASK);
	if (!(table->class[c] & (CLASS_SPECIAL | CLASS_COMPLEX)))
		return false;
	if (table->class[c] & CLASS_COMPLEX)
		return true;
	const struct special *special = &table->special[table->folded[c]];
	*order = special->last_order;
	return special->order && special->order < before;
}

static inline bool is_space(const struct fold_table *table, UChar32 c)
{
	return c >= 0 && c < TABLE_SIZE && table->class[c] == CLASS_SPACE;
}

/* The whole text through ICU, of several spaces the first, into folded->utf16; returns its length.
 */
static int32_t normalise(const struct fold_table *table, const char *text, int32_t size,
			 struct folded *folded)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar raw[FOLD_POINTS_MAX];
	int32_t length = 0;
	bool spaced = false;
	for (int32_t i = 0; i < size && length < FOLD_POINTS_MAX - 1;) {
		UChar32 c;
		U8_NEXT((const uint8_t *)text, i, size, c);
		bool again = spaced;
		spaced = is_space(table, c);
		if (spaced && again)
			continue;
		U16_APPEND_UNSAFE(raw, length, c < 0 ? 0xFFFD : c);
	}
	int32_t made = unorm2_normalize(table->normalizer, raw, length, NULL, 0, &status);
	status = U_ZERO_ERROR;
	folded->utf16 = x_realloc(folded->utf16, (size_t)made, sizeof(UChar));
	made = unorm2_normalize(table->normalizer, raw, length, folded->utf16, made, &status);
	return U_FAILURE(status) && status != U_STRING_NOT_TERMINATED_WARNING ? 0 : made;
}

static void fold_complex(const struct fold_table *table, const char *text, int32_t size,
			 struct folded *folded)
{
	int32_t length = normalise(table, text, size, folded);
	struct cutter cutter = begin(folded);
	for (int32_t i = 0; i < length && cutter.count < FOLD_POINTS_MAX;) {
		UChar32 c;
		U16_NEXT(folded->utf16, i, length, c);
		take_point(table, &cutter, c);
	}
	finish(&cutter, folded);
}

/* false: met a character that needs ICU. */
static bool fold_simple(const struct fold_table *table, const char *text, int32_t size,
			struct folded *folded)
{
	struct cutter cutter = begin(folded);
	uint8_t order = 0; /* combining class of the last character */
	for (int32_t i = 0; i < size && cutter.count < FOLD_POINTS_MAX;) {
		UChar32 c;
		U8_NEXT((const uint8_t *)text, i, size, c);
		if (is_complex(table, c, &order))
			return false;
		take_point(table, &cutter, c);
	}
	finish(&cutter, folded);
	return true;
}

void fold(const struct fold_table *table, const char *text, size_t size, struct folded *folded)
{
	int32_t length = size > INT32_MAX ? INT32_MAX : (int32_t)size;
	if (!folded->points) { /* a token takes two points at least */
		folded->points =
		    x_calloc(FOLD_POINTS_MAX + 2 + FOLD_SPARE, sizeof(*folded->points));
		folded->tokens = x_calloc(FOLD_POINTS_MAX / 2 + 2, sizeof(*folded->tokens));
	}
	if (!fold_simple(table, text, length, folded))
		fold_complex(table, text, length, folded);
}

size_t fold_token_text(const struct folded *folded, const struct token *token, char *text,
		       size_t size)
{
	int32_t length = 0;
	for (uint32_t i = 0; i < token->len && length + 5 < (int32_t)size; i++)
		U8_APPEND_UNSAFE(text, length, folded->points[token->start + i]);
	text[length] = '\0';
	return (size_t)length;
}
