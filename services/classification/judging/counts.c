#include "judging/counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/metrics.h"
#include "util/alloc.h"

const struct setting counts_settings[] = {
    {"drift.window", SETTING_INT, "5000", 100, 1000000,
     "answers that the drift metrics look back on"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct counts {
	size_t window;
	struct drift *drift;
	struct drift_reference reference;
	uint32_t labels;
	struct metric **of_label; /* answers by category; the last one: none */
	struct metric *classified, *abstained, *shadowed, *shadow_differs, *shadow_loaded;
	struct metric *answers, *abstained_share, *confidence, *label_psi, *confidence_psi;
};

static struct metric *psi_metric(const char *labels)
{
	return metric_fraction(
	    "redress_classification_drift_psi", labels,
	    "Population stability index of the window against the model's held-aside texts.");
}

struct counts *counts_new(const struct settings *settings)
{
	struct counts *counts = x_calloc(1, sizeof(*counts));
	counts->window = (size_t)settings_int(settings, "drift.window");
	counts->classified =
	    metric_counter("redress_classification_total", NULL, "Grievances classified.");
	counts->abstained = metric_counter("redress_classification_abstained_total", NULL,
					   "Grievances left to a person.");
	counts->shadowed = metric_counter("redress_classification_shadow_total", NULL,
					  "Grievances that the shadow was asked about.");
	counts->shadow_differs = metric_counter("redress_classification_shadow_differs_total", NULL,
						"Of those, where its best guess was another.");
	counts->shadow_loaded = metric_gauge("redress_classification_shadow_loaded", NULL,
					     "1 while a model is tried in the shadow.");
	counts->answers = metric_gauge("redress_classification_window_answers", NULL,
				       "Answers in the window of the metrics below.");
	counts->abstained_share = metric_fraction("redress_classification_window_abstained_ratio",
						  NULL, "Share left to a person.");
	counts->confidence = metric_fraction("redress_classification_window_confidence_ratio", NULL,
					     "Mean confidence of the best guess.");
	counts->label_psi = psi_metric("of=\"category\"");
	counts->confidence_psi = psi_metric("of=\"confidence\"");
	return counts;
}

void counts_free(struct counts **counts)
{
	if (!*counts)
		return;
	drift_free(&(*counts)->drift);
	free((*counts)->of_label);
	free(*counts);
	*counts = NULL;
}

static struct metric *category_metric(const char *category)
{
	char labels[200];
	int size = snprintf(labels, sizeof(labels) - 1, "category=\"%s", category);
	size = size < (int)sizeof(labels) - 2 ? size : (int)sizeof(labels) - 2;
	/* whoever trained the model chose the names: none may end the label */
	for (int i = (int)strlen("category=\""); i < size; i++) {
		if (strchr("\"\\\n", labels[i]))
			labels[i] = '_';
	}
	strcpy(labels + size, "\"");
	return metric_counter(
	    "redress_classification_category_total", labels,
	    "Grievances by the category they were given; none: left to a person.");
}

void counts_begin(struct counts *counts, const struct models *models)
{
	const struct model *model = classifier_model(models_classifier(models));
	uint32_t labels = model_labels(model);
	drift_free(&counts->drift);
	free(counts->of_label);
	counts->labels = labels;
	counts->drift = drift_new(counts->window, labels);
	counts->reference.label_share = model_label_shares(model);
	counts->reference.confidence_share = model_confidence_shares(model);
	counts->of_label = x_calloc(labels + 1, sizeof(*counts->of_label));
	for (uint32_t i = 0; i < labels; i++)
		counts->of_label[i] = category_metric(model_label(model, i));
	counts->of_label[labels] = category_metric("none");
	metric_set(counts->shadow_loaded, models_shadow(models) != NULL);
	counts_show(counts);
}

void counts_add(struct counts *counts, const struct note *notes, size_t count)
{
	int64_t abstained = 0, shadowed = 0, differs = 0;
	for (size_t i = 0; i < count; i++) {
		const struct note *note = &notes[i];
		bool given = !note->abstained && note->label < counts->labels;
		drift_add(counts->drift, note->label, note->confidence, note->abstained);
		metric_add(counts->of_label[given ? note->label : counts->labels], 1);
		abstained += note->abstained;
		shadowed += note->shadowed;
		differs += note->shadow_differs;
	}
	/* how many there are comes last: who sees that sees what they were */
	metric_add(counts->abstained, abstained);
	metric_add(counts->classified, (int64_t)count);
	metric_add(counts->shadow_differs, differs);
	metric_add(counts->shadowed, shadowed);
}

void counts_show(struct counts *counts)
{
	struct drift_figures figures = drift_figures(counts->drift, &counts->reference);
	metric_set_fraction(counts->abstained_share, figures.abstained);
	metric_set_fraction(counts->confidence, figures.confidence);
	metric_set_fraction(counts->label_psi, figures.label_psi);
	metric_set_fraction(counts->confidence_psi, figures.confidence_psi);
	metric_set(counts->answers, (int64_t)figures.answers);
}
