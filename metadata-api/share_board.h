// Readers of shares, gathered: however many open one share at once, one statement at a time looks at it for all that
// wait, and its answer is written once.
//
// A look serves only readers that came before it was sent, and counts and judges anew each time: so a revoked, expired
// or used-up share is refused at once in every process, and views are exact. What is kept from one look to the next is
// the answer's text, and only while the share's item and media are the same (SHARE_BOARD_KEEP_MS at most, so that its
// URLs are fresh). With [redis] the instances of metadata-api hand each other these texts, too, so that a share that is
// hot at all of them is loaded once: since each look still judges by itself, what they hand each other is never shown
// for a share that is not open, nor after its item has changed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/error.h"

struct api;
struct http_request;
struct share_board;

#define SHARE_BOARD_KEEP_MS 5000
// Shares held at once; when all of them are being read, further ones are answered 503.
#define SHARE_BOARD_ENTRIES 512

// api must outlive it; its pipeline must be free of its statements before share_board_free. RC_NO_MEMORY. At start.
enum rc share_board_new(struct api *api, struct share_board **ret_board, struct err *err) MUST_CHECK;
// Accepts NULL.
void share_board_free(struct share_board *board);

// Answer a suspended request with the share of this token. is_confirmed: its password was given. Any thread; never
// blocks for long.
void share_board_ask(struct share_board *board, struct http_request *request, const uint8_t token_hash[SHA256_SIZE],
                     bool is_confirmed);
