/* The language of texts written for this test, through the table that ships. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "text/language.h"
#include "util/text.h"

#define TABLE    "deploy/model/language.table"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct language *language;

static int load(void **state)
{
	struct err err;
	(void)state;
	language = language_load(TABLE, &err);
	return language ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	language_free(&language);
	return 0;
}

static struct language_guess of_bytes(const char *text, size_t size)
{
	struct language_reading reading;
	language_read(language, text, size, &reading);
	return language_guess(language, &reading);
}

static struct language_guess of(const char *text)
{
	return of_bytes(text, strlen(text));
}

static void says(const char *text, const char *code)
{
	struct language_guess found = of(text);
	if (strcmp(found.code, code) != 0)
		fail_msg("%s is said to be in '%s' (%.2f), not '%s'", text, found.code,
			 (double)found.confidence, code);
}

/* clang-format off */
static const char *const sentences[][2] = {
	{"en", "The street light outside my house has been broken for two weeks."},
	{"de", "Die Straßenlaterne vor meinem Haus ist seit zwei Wochen kaputt."},
	{"fr", "Le lampadaire devant ma maison est en panne depuis deux semaines."},
	{"es", "La farola delante de mi casa lleva dos semanas sin funcionar."},
	{"pt", "O poste em frente à minha casa está apagado há duas semanas."},
	{"it", "Il lampione davanti a casa mia è rotto da due settimane."},
	{"nl", "De straatlantaarn voor mijn huis is al twee weken kapot."},
	{"pl", "Latarnia przed moim domem nie działa od dwóch tygodni."},
	{"cs", "Pouliční lampa před mým domem už dva týdny nesvítí."},
	{"hu", "A házam előtti utcai lámpa két hete nem világít."},
	{"ro", "Felinarul din fața casei mele este stricat de două săptămâni."},
	{"fi", "Katuvalo taloni edessä on ollut rikki kaksi viikkoa."},
	{"sv", "Gatlampan utanför mitt hus har varit trasig i två veckor."},
	{"tr", "Evimin önündeki sokak lambası iki haftadır yanmıyor."},
	{"id", "Lampu jalan di depan rumah saya sudah dua minggu mati."},
	{"vi", "Đèn đường trước nhà tôi bị hỏng hai tuần nay rồi."},
	{"tl", "Dalawang linggo nang sira ang ilaw sa tapat ng bahay namin."},
	{"sw", "Taa ya barabarani mbele ya nyumba yangu imeharibika kwa wiki mbili."},
	{"ru", "Фонарь перед моим домом не горит уже две недели."},
	{"uk", "Ліхтар перед моїм будинком не світить уже два тижні."},
	{"bg", "Уличната лампа пред къщата ми не свети от две седмици."},
	{"kk", "Менің үйімнің алдындағы көше шамы екі аптадан бері жанбайды."},
	{"ar", "عمود الإنارة أمام منزلي معطل منذ أسبوعين"},
	{"fa", "چراغ خیابان جلوی خانه‌ام دو هفته است که خراب شده است"},
	{"ur", "میرے گھر کے سامنے گلی کی بتی دو ہفتوں سے خراب ہے"},
	{"hi", "मेरे घर के सामने की बत्ती दो हफ़्ते से ख़राब है"},
	{"mr", "माझ्या घरासमोरचा दिवा दोन आठवड्यांपासून बंद आहे"},
	{"zh", "我家门口的路灯坏了两个星期了"},
	{"ja", "家の前の街灯が二週間前から壊れています"},
	{"ko", "집 앞 가로등이 2주째 고장 나 있습니다"},
	{"th", "ไฟถนนหน้าบ้านเสียมาสองสัปดาห์แล้ว"},
	{"el", "Το φως του δρόμου μπροστά στο σπίτι μου δεν ανάβει."},
	{"he", "פנס הרחוב מול הבית שלי לא עובד כבר שבועיים"},
	{"bn", "আমার বাড়ির সামনের রাস্তার বাতি দুই সপ্তাহ ধরে নষ্ট"},
	{"ta", "என் வீட்டின் முன் தெரு விளக்கு இரண்டு வாரமாக எரியவில்லை"},
};

static const char *const romanised[][2] = {
	{"hi-Latn", "hamare gali ki batti kai dino se band hai, raat ko bahut andhera rehta hai"},
	{"hi-Latn", "paani teen din se nahi aa raha, kripya jaldi theek karwaiye"},
	{"ru-Latn", "u nas vo dvore uzhe nedelyu ne goryat fonari, ochen temno"},
	{"ru-Latn", "musor ne vyvozyat dve nedeli, zapah uzhasnyy"},
	{"el-Latn", "o dromos einai gematos lakkouves, parakalo ftiaxte ton"},
	{"uk-Latn", "u budynku nemaye haryachoyi vody vzhe tretiy den"},
	{"bg-Latn", "ulichnoto osvetlenie ne raboti ot edna sedmica, mnogo e tamno"},
	{"bn-Latn", "rastar bati jole na, rate khub ondhokar thake"},
};

static const char *const short_texts[][2] = {
	{"ru", "яма на дороге"}, {"th", "น้ำท่วม"}, {"ko", "가로등 고장"}, {"zh", "路灯坏了"},
	{"el", "νερό"}, {"de", "Straßenbeleuchtung defekt"}, {"hu", "kátyú az úton"},
	{"tr", "su kesintisi"}, {"en", "no water"},
};

/* Most of the text decides: names and borrowed words do not. */
static const char *const mixed[][2] = {
	{"th", "ไฟถนนหน้า Central Plaza เสียมาสองสัปดาห์แล้ว"},
	{"ko", "ABC Mart 앞 가로등이 2주째 고장 나 있습니다"},
	{"ja", "NTT前の街灯がずっと壊れています"},
	{"en", "The lamp at Görlitzer Straße 5 has been broken for two weeks now."},
};

static const char *const unknowable[] = {
	"", " \n\t", "12345 67-89", "!!! ??? ...", "\xff\xfe\x80", "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ", "ⰀⰁⰂⰃⰄ ⰅⰆⰇ", "😀😀😀",
};
/* clang-format on */

#define ALL_SAY(table)                                                                             \
	for (size_t i = 0; i < COUNT(table); i++)                                                  \
	says((table)[i][1], (table)[i][0])

static void of_sentences(void **state)
{
	(void)state;
	ALL_SAY(sentences);
}

static void in_foreign_letters(void **state)
{
	(void)state;
	ALL_SAY(romanised);
}

static void of_short_texts(void **state)
{
	(void)state;
	ALL_SAY(short_texts);
}

static void of_mixed_texts(void **state)
{
	(void)state;
	ALL_SAY(mixed);
}

static void says_nothing_where_nothing_can_be_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unknowable); i++) {
		says(unknowable[i], "");
		assert_true(of(unknowable[i]).confidence == 0);
	}
}

static void is_the_same(const char *one, const char *other)
{
	struct language_guess a = of(one), b = of(other);
	assert_string_equal(a.code, b.code);
	assert_true(a.confidence == b.confidence);
}

/* Spaces, digits and signs between words change nothing, and neither do capitals. */
static void only_letters_count(void **state)
{
	static const char *const same[][2] = {
	    {"the lamp is broken", "  The LAMP,\n\t is\r\n -- BROKEN!! 123"},
	    {"фонарь не горит", "Фонарь  НЕ   ГОРИТ..."},
	    {"sokak lambası yanmıyor", "SOKAK LAMBASI YANMIYOR"},
	    {"Straßenbeleuchtung außer Betrieb", "STRASSENBELEUCHTUNG AUSSER BETRIEB"},
	    {"ο δρόμος είναι κλειστός", "Ο ΔΡΌΜΟΣ ΕΊΝΑΙ ΚΛΕΙΣΤΌΣ"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(same); i++)
		is_the_same(same[i][0], same[i][1]);
}

/* Some systems write a letter and its accents as several characters. */
static void letters_in_parts_are_whole(void **state)
{
	static const char *const same[][2] = {
	    {"Sérült kerítés, kérem", "Se\u0301ru\u0308lt keri\u0301te\u0301s, ke\u0301rem"},
	    {"đường bị ngập", "đươ\u0300ng bi\u0323 nga\u0323\u0302p"},
	    {"Не работает свой лифт", "Не работает свои\u0306 лифт"},
	    {"شارع آخر", "شارع ا\u0653خر"},
	    {"İstanbul suyu kesik", "I\u0307stanbul suyu kesi\u0307k"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(same); i++)
		is_the_same(same[i][0], same[i][1]);
}

static void long_texts_are_cut_not_overrun(void **state)
{
	size_t size = 200000;
	char *text = malloc(size);
	(void)state;
	for (size_t i = 0; i < size; i++)
		text[i] = i % 2 ? ' ' : 'a'; /* as many breaks as letters */
	of_bytes(text, size);
	memset(text, 'a', size);
	of_bytes(text, size);
	for (size_t i = 0; i + 3 <= size; i += 3)
		memcpy(text + i, "路", 3);
	assert_string_equal(of_bytes(text, size / 3 * 3).code, "zh");
	free(text);
}

static void write_file(const char *path, const char *data, size_t size)
{
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
}

static void a_damaged_table_is_refused(void **state)
{
	static const size_t lengths[] = {0, 7, 20, 100, 5000};
	char reason[160], path[] = "/tmp/language-XXXXXX";
	struct err err;
	size_t size;
	(void)state;
	char *data = text_read_file(TABLE, 1 << 24, &size, reason);
	assert_non_null(data);
	close(mkstemp(path));
	for (size_t i = 0; i < COUNT(lengths); i++) {
		write_file(path, data, lengths[i]);
		assert_null(language_load(path, &err));
		assert_non_null(strstr(err.text, "language.file"));
	}
	write_file(path, data, size - 1);
	assert_null(language_load(path, &err));
	for (size_t at = 0; at < size; at += size / 50) {
		data[at] ^= 1;
		write_file(path, data, size);
		assert_null(language_load(path, &err));
		data[at] ^= 1;
	}
	unlink(path);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(of_sentences),
	    cmocka_unit_test(in_foreign_letters),
	    cmocka_unit_test(of_short_texts),
	    cmocka_unit_test(of_mixed_texts),
	    cmocka_unit_test(says_nothing_where_nothing_can_be_known),
	    cmocka_unit_test(only_letters_count),
	    cmocka_unit_test(letters_in_parts_are_whole),
	    cmocka_unit_test(long_texts_are_cut_not_overrun),
	    cmocka_unit_test(a_damaged_table_is_refused),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
