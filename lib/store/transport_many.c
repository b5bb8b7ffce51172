// Several exchanges at once on one thread, by libcurl's multi interface.
#include <assert.h>

#include "store/transport_easy.h"

struct many {
	struct transport *transport;
	CURLM *multi;
	struct transport_exchange **exchanges;
	size_t count;
	size_t begun;
	unsigned running;
	enum transport_end *ends;
	struct err *errs;
};

static size_t index_of(const struct many *many, const struct transport_exchange *exchange)
{
	for (size_t i = 0; i < many->count; i++)
		if (many->exchanges[i] == exchange)
			return i;
	assert(!"a transfer of nobody");
	return 0;
}

static void begin_next(struct many *many)
{
	size_t i = many->begun++;
	many->ends[i] = TRANSPORT_UNSENT;
	CURL *handle = transport_take(many->transport);
	if (handle == NULL) {
		(void)err_set(&many->errs[i], RC_NO_MEMORY, "no memory for a connection to the store");
		return;
	}
	if (transport_prepare(handle, many->exchanges[i], &many->errs[i]) != RC_OK) {
		transport_give(many->transport, handle);
		return;
	}
	if (curl_multi_add_handle(many->multi, handle) != CURLM_OK) {
		(void)err_set(&many->errs[i], RC_INTERNAL, "libcurl refuses another transfer");
		transport_give(many->transport, handle);
		return;
	}
	many->running++;
}

static void collect_finished(struct many *many)
{
	int left;
	CURLMsg *message;
	while ((message = curl_multi_info_read(many->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		CURL *handle = message->easy_handle;
		CURLcode result = message->data.result;
		struct transport_exchange *exchange = NULL;
		(void)curl_easy_getinfo(handle, CURLINFO_PRIVATE, (char **)&exchange);
		size_t i = index_of(many, exchange);
		many->ends[i] = transport_conclude(handle, result, exchange, &many->errs[i]);
		(void)curl_multi_remove_handle(many->multi, handle);
		transport_give(many->transport, handle);
		many->running--;
	}
}

// Each transfer has its own deadline inside libcurl, so this loop ends.
static void run(struct many *many, unsigned parallel)
{
	while (many->begun < many->count || many->running > 0) {
		while (many->running < parallel && many->begun < many->count)
			begin_next(many);
		int running;
		(void)curl_multi_perform(many->multi, &running);
		unsigned before = many->running;
		collect_finished(many);
		if (many->running > 0 && many->running == before)
			(void)curl_multi_poll(many->multi, NULL, 0, 1000, NULL);
	}
}

void transport_run_many(struct transport *transport, struct transport_exchange **exchanges, size_t count,
                        unsigned parallel, enum transport_end *ret_ends, struct err *errs)
{
	struct many many = { .transport = transport,
		             .multi = transport_take_multi(transport),
		             .exchanges = exchanges,
		             .count = count,
		             .ends = ret_ends,
		             .errs = errs };
	if (many.multi == NULL) {
		for (size_t i = 0; i < count; i++) {
			ret_ends[i] = TRANSPORT_UNSENT;
			(void)err_set(&errs[i], RC_NO_MEMORY, "no memory for connections to the store");
		}
		return;
	}
	run(&many, parallel == 0 ? 1 : parallel);
	transport_give_multi(transport, many.multi);
}
