// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a fuzz target over its corpus and over many changes of it, always the
 * same ones: what libFuzzer would do without knowing where it gets.
 *   TARGET [-runs=N] FOLDER
 */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUTS = 64, MAX_SIZE = 4096, MAX_CHANGES = 6 };

static struct { uint8_t *data; size_t size; } corpus[MAX_INPUTS];
static unsigned int inputs;
static uint64_t seed = 88172645463325252ULL;

static uint32_t draw(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 32) * below >> 32);
}

static void read_input(const char *folder, const char *name)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (!file || inputs == MAX_INPUTS)
		exit(2);
	corpus[inputs].data = malloc(MAX_SIZE);
	corpus[inputs].size = fread(corpus[inputs].data, 1, MAX_SIZE, file);
	inputs++;
	fclose(file);
}

/* One change of @size bytes at @d; the new size. */
static size_t change(uint8_t *d, size_t size)
{
	static const uint8_t edges[] = { 0, 1, 4, 5, 6, 17, 40, 41, 44, 0x45, 0x60, 127, 128, 255 };
	uint32_t at = size ? draw((uint32_t)size) : 0;

	switch (size ? draw(6) : 0) {
	case 0:		/* longer, by what another input has there */
		if (size < MAX_SIZE / 2) {
			unsigned int other = draw(inputs);

			memcpy(d + size, corpus[other].data, corpus[other].size / 2);
			return size + corpus[other].size / 2;
		}
		return size;
	case 1:
		return at;
	case 2:
		d[at] ^= (uint8_t)(1u << draw(8));
		return size;
	case 3:
		d[at] = (uint8_t)draw(256);
		return size;
	case 4:
		d[at] = edges[draw(sizeof(edges))];
		return size;
	default:	/* without a piece of the middle */
		memmove(d + at, d + at + (size - at) / 2, size - at - (size - at) / 2);
		return size - (size - at) / 2;
	}
}

/* In memory of exactly its size. */
static void try(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);

	memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

int main(int argc, char **argv)
{
	unsigned long runs = argc > 2 ? strtoul(argv[1] + strlen("-runs="), NULL, 10) : 0, i;
	const char *folder = argv[argc - 1];
	uint8_t work[2 * MAX_SIZE];
	struct dirent **names;
	int found = argc > 1 ? scandir(folder, &names, NULL, alphasort) : -1, n;

	/* Sorted: the changes are the same wherever this runs. */
	for (n = 0; n < found; n++) {
		if (names[n]->d_name[0] != '.')
			read_input(folder, names[n]->d_name);
		free(names[n]);
	}
	if (found >= 0)
		free(names);
	for (i = 0; i < inputs; i++)
		try(corpus[i].data, corpus[i].size);
	for (i = 0; inputs && i < runs; i++) {
		unsigned int one = draw(inputs), changes = 1 + draw(MAX_CHANGES);
		size_t size = corpus[one].size;

		memcpy(work, corpus[one].data, size);
		while (changes--)
			size = change(work, size);
		try(work, size);
	}
	for (i = 0; i < inputs; i++)
		free(corpus[i].data);
	printf("%u inputs, %lu changes of them\n", inputs, runs);
	return inputs ? 0 : 1;
}
