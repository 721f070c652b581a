#include "domain/gsm7.h"

#include <stddef.h>
#include <string.h>

#define CHARACTER_MOST 4 /* bytes of UTF-8 */

static const char alphabet[] = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
			       "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
			       "^{}\\[~]|€";

static size_t character_size(const char *text)
{
	size_t size = 1;
	while (size < CHARACTER_MOST && ((unsigned char)text[size] & 0xC0) == 0x80)
		size++;
	return size;
}

bool gsm7_fits(const char *text)
{
	char character[CHARACTER_MOST + 1];
	for (size_t size; *text; text += size) {
		size = character_size(text);
		memcpy(character, text, size);
		character[size] = '\0';
		if (!strstr(alphabet, character))
			return false;
	}
	return true;
}
