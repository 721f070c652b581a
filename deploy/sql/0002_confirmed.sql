-- Where people confirmed what a case is about: redress-labels and redress-model read these in their
-- order, page by page.
CREATE INDEX case_events_confirming ON case_events (at, number, version)
  WHERE kind IN ('corrected', 'answered');
