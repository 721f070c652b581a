/* Confidences are shared out alike by scores, models and what watches them for drift. */
#ifndef CLASSIFICATION_NUMERIC_CONFIDENCE_H
#define CLASSIFICATION_NUMERIC_CONFIDENCE_H

#define CONFIDENCE_STEPS 10 /* each a tenth wide */

#endif
