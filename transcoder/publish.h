// Publishing: objects first, then one transaction, then the acknowledgement; a crash anywhere repeats harmlessly.
#pragma once

// A publisher's thread; argument is the struct transcoder. Ends when the publications' queue is closed and empty.
void *publish_thread(void *transcoder);
