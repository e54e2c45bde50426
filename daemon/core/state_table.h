/* SPDX-License-Identifier: MIT
 * The states of a job and the moves between them; no include guard: the includer defines JOB_MOVE(...).
 *
 * JOB_MOVE(state, set of next states, why it needs no deadline of its own)
 *   A move that is not in the table is a programming error and ends the process in job_set_state. A job that vanishes (removed
 *   while waiting or paused) leaves the table altogether. ACTIVE -> ACTIVE is a restart for changed options,
 *   ACTIVE -> WAITING one when there are fewer slots by now, or the disk is full.
 */
JOB_MOVE(WAITING, TO(ACTIVE) | TO(PAUSED), "waits for a slot: max-concurrent-downloads decides; or for room on its disk, which is looked at again and again")
JOB_MOVE(ACTIVE, TO(ACTIVE) | TO(WAITING) | TO(PAUSED) | TO(COMPLETE) | TO(ERROR) | TO(REMOVED), "its transfer has the deadlines")
JOB_MOVE(PAUSED, TO(WAITING), "until a user wants it to go on")
JOB_MOVE(COMPLETE, 0, "a result: until it is purged or pushed out by max-download-result")
JOB_MOVE(ERROR, TO(WAITING), "a result, which a user may retry")
JOB_MOVE(REMOVED, TO(WAITING), "a result, which a user may retry")
JOB_MOVE(GONE, 0, "not a job any more, only what is known of an unfinished file: until that is adopted, or too many are")
