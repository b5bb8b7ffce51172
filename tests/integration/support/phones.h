// Ten phones that upload a photo each, on threads of their own, and try again like phones do while the server falls
// over: begin (with an Idempotency-Key), PUT, complete, and look until it is ready.
#pragma once

#include <stdint.h>

#include "tests/integration/support/account.h"

#define TEST_PHONES 10

// Sign up the owner and let the phones begin, apart_ms between two of them. Main thread, as all here.
void test_phones_start(const char *photo, int64_t apart_ms);

// Wait until every phone has seen its photo ready; fails with what each of them met last after timeout_ms.
void test_phones_await(int64_t timeout_ms);

// Stop and join the phones, whatever they are doing. Harmless when there are none.
void test_phones_stop(void);

// The owner of the photos, and the media of one phone ("" before its upload has begun). Valid until the stop.
const struct test_account *test_phones_owner(void);
const char *test_phones_media(int phone);

// What must hold once all are ready: one media, one upload, one done job, one terminal step and one ready event for
// each photo; in the buckets just what the tables name; the quota's sums; nothing left unsent or running.
void test_phones_check(void);
