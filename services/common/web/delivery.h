/* How pages show what became of a message. */
#ifndef WEB_DELIVERY_H
#define WEB_DELIVERY_H

/* A code of texts' delivery. delivery, reason: as notification says them, reason may be "". */
const char *delivery_told(const char *delivery, const char *reason);
/* The style sheet's name for it: "fine", "late", "soon" or "rest". */
const char *delivery_tone(const char *delivery, const char *reason);

#endif
