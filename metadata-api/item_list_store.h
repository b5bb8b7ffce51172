// SQL of item listings: one statement for each sort, order and filter, so that each has an index of its own.
#pragma once

#include "metadata-api/item_store.h"

enum item_sort { ITEM_SORT_CREATED, ITEM_SORT_UPDATED };

// Which items of an owner, behind which row.
struct item_page {
	struct uuid owner_id;
	const char *tag;        // NULL: any
	const char *visibility; // NULL: any
	enum item_sort sort;
	bool is_ascending;
	bool has_after;
	int64_t after_time; // of the sort's column
	struct uuid after_id;
	unsigned limit;
};

// The statement that serves the page and its values (count = its parameter_count; the page must outlive the submit).
// item_read decodes its rows.
#define ITEM_PAGE_VALUES 6
const struct db_statement *item_page_statement(const struct item_page *page,
                                               struct db_value ret_values[ITEM_PAGE_VALUES]);

// All statements that it may give, for the test of their plans.
extern const struct db_statement ITEM_PAGE_STATEMENTS[];
extern const size_t ITEM_PAGE_STATEMENT_COUNT;
