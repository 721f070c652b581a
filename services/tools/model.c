/*
 * NAME      redress-model - look at models, compare the one on trial, promote it
 * SYNOPSIS  redress-model show FILE...
 *           redress-model [--config FILE] compare
 *           redress-model [--config FILE] promote
 *
 * compare sets the model that serves (model.file) against the one in its shadow
 * (model.shadow_file): both were asked about the same cases when these came in, and people have
 * confirmed since what they are about. promote does the same and then, only if the shadow is
 * better, puts it in the serving one's place, which the daemons notice by themselves; what it
 * replaces is kept beside it as model.file.previous.
 *
 * Better means: on at least promote.least_cases cases its best guess was right more often, by more
 * than chance makes (the exact sign test on the cases where only one was right, at
 * promote.chance_percent), and it did not answer wrongly more often by the same measure.
 *
 * EXIT      0 promoted, or compare would; 1 failed; 2 usage; 3 not better, the figures say why
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "judging/classify.h"
#include "client/postgres.h"
#include "record/confirmed.h"
#include "model/model_file.h"
#include "judging/models.h"
#include "judging/promotion.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/program.h"
#include "util/text.h"

#define EXIT_REFUSED 3

static const struct setting promote_settings[] = {
    {"promote.window", SETTING_DURATION, "90d", 60000, INT64_C(3650) * 86400000,
     "how far back confirmations are looked at"},
    {"promote.least_cases", SETTING_INT, "100", 1, 1000000000,
     "confirmed cases that both models must have judged"},
    {"promote.chance_percent", SETTING_INT, "1", 1, 50,
     "a lead that chance gives in more of a hundred trials than this is none"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

/* ---- what a model says of itself ------------------------------------------------------------- */

static struct model *load(const char *file)
{
	struct err err;
	struct model *model = model_load(file, &err);
	if (!model)
		fatal("%s", err.text);
	return model;
}

static void show_card(const char *what, const struct model *model)
{
	const struct model_card *card = model_card(model);
	printf("%-8s %s: %u categories from %" PRIu64 " texts (%.12s); held aside: accuracy %.3f,"
	       " macro-F1 %.3f, calibration error %.3f, abstains from %.0f %% for precision %.2f\n",
	       what, card->version, model_labels(model), card->texts, card->fingerprint,
	       (double)card->accuracy, (double)card->macro_f1, (double)card->calibration_error,
	       100 * (double)card->abstained, (double)card->precision);
}

static int show(size_t count, char **files)
{
	for (size_t i = 0; i < count; i++) {
		struct model *model = load(files[i]);
		printf("%s\n", files[i]);
		show_card("model", model);
		model_free(&model);
	}
	return 0;
}

/* ---- the comparison -------------------------------------------------------------------------- */

struct trial {
	const char *serving, *shadow; /* versions */
	struct comparison comparison;
};

static int add_case(void *self, const struct confirmed *confirmed, struct err *err)
{
	(void)err;
	struct trial *trial = self;
	const Redress__Classification *said = confirmed->classification;
	const Redress__Shadow *shadow = said->shadow;
	if (!shadow || strcmp(said->model_version, trial->serving) != 0 ||
	    strcmp(shadow->model_version, trial->shadow) != 0)
		return 0;
	const char *guess = said->n_guesses ? said->guesses[0]->category : "";
	const struct judged of_serving = {strcmp(guess, confirmed->category) == 0,
					  !said->abstained},
			    of_shadow = {strcmp(shadow->category, confirmed->category) == 0,
					 !shadow->abstained};
	comparison_add(&trial->comparison, of_serving, of_shadow);
	return 0;
}

static void row(const char *what, uint64_t serving, uint64_t shadow, uint64_t cases)
{
	double all = cases ? (double)cases : 1;
	printf("%-26s %8" PRIu64 " %6.3f %8" PRIu64 " %6.3f\n", what, serving,
	       (double)serving / all, shadow, (double)shadow / all);
}

static void print_comparison(const struct comparison *c)
{
	printf("\n%" PRIu64 " confirmed cases that both judged\n%-26s %15s %15s\n", c->cases, "",
	       "serving", "shadow");
	row("best guess right", c->serving_right, c->shadow_right, c->cases);
	row("only this one right", c->only_serving_right, c->only_shadow_right, c->cases);
	row("answered by itself", c->serving_answered, c->shadow_answered, c->cases);
	row("answered wrongly", c->serving_wrong, c->shadow_wrong, c->cases);
	row("only this one wrong", c->only_serving_wrong, c->only_shadow_wrong, c->cases);
}

static const char *meaning(enum promotion promotion)
{
	switch (promotion) {
	case PROMOTION_TOO_FEW:
		return "not promoted: too few confirmed cases yet";
	case PROMOTION_NO_BETTER:
		return "not promoted: it is not right more often than chance could make it";
	case PROMOTION_CARELESS:
		return "not promoted: it answers wrongly more often";
	default:
		return "the shadow is better";
	}
}

static bool is_better(const struct settings *settings, const struct model *serving,
		      const struct model *shadow)
{
	struct err err;
	struct trial trial = {model_card(serving)->version, model_card(shadow)->version, {0}};
	const struct promotion_rule rule = {
	    .least_cases = (uint64_t)settings_int(settings, "promote.least_cases"),
	    .chance = (double)settings_int(settings, "promote.chance_percent") / 100};
	int64_t since_ms = clock_now_ms() - settings_int(settings, "promote.window");
	struct postgres *postgres = postgres_new_bulk(settings, "redress-model");
	if (confirmed_classifications(postgres, since_ms, add_case, &trial, &err))
		fatal("%s", err.text);
	postgres_free(&postgres);
	print_comparison(&trial.comparison);
	struct promotion_verdict verdict = promotion_decide(&trial.comparison, &rule);
	printf("\nchance alone would give the shadow this lead with probability %.2g (at most %.2g"
	       " wanted)\n%s\n",
	       verdict.chance_better, rule.chance, meaning(verdict.promotion));
	if (verdict.promotion == PROMOTION_TOO_FEW)
		printf("%" PRIu64 " are wanted (promote.least_cases)\n", rule.least_cases);
	return verdict.promotion == PROMOTION_BETTER;
}

/* ---- the exchange ---------------------------------------------------------------------------- */

static void write_all(int fd, const char *path, const char *data, size_t size)
{
	while (size) {
		ssize_t done = write(fd, data, size);
		if (done < 0)
			fatal("%s: %s", path, strerror(errno));
		data += done;
		size -= (size_t)done;
	}
	if (fsync(fd) || close(fd))
		fatal("%s: %s", path, strerror(errno));
}

/* The shadow as it is at this moment, where a rename can put it into the serving one's place. */
static char *copy_shadow(const char *from, const char *serving)
{
	char reason[160];
	size_t size;
	char *path = x_printf("%s.XXXXXX", serving);
	char *data = text_read_file(from, MODEL_FILE_MAX, &size, reason);
	if (!data)
		fatal("model.shadow_file: %s", reason);
	int fd = mkstemp(path);
	if (fd < 0 || fchmod(fd, 0644))
		fatal("%s: %s", path, strerror(errno));
	write_all(fd, path, data, size);
	free(data);
	return path;
}

static void exchange(const char *candidate, const char *serving, const char *shadow)
{
	char *previous = x_printf("%s.previous", serving);
	if ((unlink(previous) && errno != ENOENT) || link(serving, previous))
		fatal("%s: %s", previous, strerror(errno));
	if (rename(candidate, serving))
		fatal("%s: %s", serving, strerror(errno));
	if (unlink(shadow) && errno != ENOENT)
		log_warn(0, "%s: %s: remove it yourself", shadow, strerror(errno));
	printf("promoted; what served before is kept as %s\n", previous);
	free(previous);
}

static int judge(const struct settings *settings, bool promote)
{
	const char *serving_file = settings_str(settings, "model.file");
	const char *shadow_file = settings_str(settings, "model.shadow_file");
	if (!*shadow_file)
		fatal("model.shadow_file is not set: there is nothing to compare");
	struct model *serving = load(serving_file);
	struct model *shadow = load(shadow_file);
	char *candidate = promote ? copy_shadow(shadow_file, serving_file) : NULL;
	if (candidate) { /* what was copied is what is judged and promoted */
		model_free(&shadow);
		shadow = load(candidate);
	}
	show_card("serving", serving);
	show_card("shadow", shadow);
	bool better = is_better(settings, serving, shadow);
	if (candidate && better)
		exchange(candidate, serving_file, shadow_file);
	else if (candidate)
		unlink(candidate);
	model_free(&serving);
	model_free(&shadow);
	free(candidate);
	return better ? 0 : EXIT_REFUSED;
}

enum { SHOW, COMPARE, PROMOTE };
static const struct program_command commands[] = {
    [SHOW] = {"show FILE...", "Shows what models say of themselves.", true},
    [COMPARE] = {"compare", "Compares the serving one with its shadow on what people confirmed.",
		 false},
    [PROMOTE] = {"promote", "Does the same, and promotes the shadow if it is better.", false},
    {NULL, NULL, false},
};
static const struct setting *const tables[] = {postgres_bulk_settings, classifier_settings,
					       models_settings, promote_settings, NULL};
static const struct program program = {
    .name = "model",
    .summary = "look at models, compare the one on trial, promote it",
    .commands = commands,
    .settings = tables,
    .notes = "Exit status: 0 promoted, or compare would; 1 failed; 2 usage; 3 not better.\n",
};

int main(int argc, char **argv)
{
	struct program_call call = program_begin(argc, argv, &program);
	int result = call.command == SHOW ? show(call.count, call.words)
					  : judge(call.settings, call.command == PROMOTE);
	program_end(&call);
	return result;
}
