// A name with its value: a query parameter, a header, a metadata entry, a form field.
#pragma once

struct store_pair {
	const char *name;
	const char *value; // never NULL; "" for a parameter without a value
};
