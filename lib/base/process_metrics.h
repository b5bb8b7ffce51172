// What Prometheus clients tell of any process: CPU time, memory, descriptors, start.
#pragma once

struct buffer;

// Append process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes, process_open_fds,
// process_max_fds, process_start_time_seconds, process_threads in Prometheus' text format, read from /proc/self now;
// what cannot be read is left out. Any thread. Source: Prometheus, "Writing client libraries", standard process
// metrics.
void process_metrics_render(struct buffer *out);
