/* SPDX-License-Identifier: MIT
 * The members of download objects (tellStatus and the lists), in byte order of their names; no include guard: the
 * includer defines KEY(name, writer, flags). A writer writes member and value, or nothing when the member does not
 * apply. To add one: a row here, a writer in m_tell.c.
 */
KEY("bitfield", k_bitfield, 0)
KEY("completedLength", k_done, 0)
KEY("connections", k_conns, 0)
KEY("dir", k_dir, 0)
KEY("downloadSpeed", k_speed, 0)
KEY("errorCode", k_error_code, 0)
KEY("errorMessage", k_error_message, 0)
KEY("files", k_files, 0)
KEY("gid", k_gid, 0)
KEY("haul.addedAt", k_added, KF_ASKED)
KEY("haul.endedAt", k_ended, KF_ASKED)
KEY("haul.owner", k_owner, KF_ASKED)
KEY("haul.sharing", k_sharing, KF_ASKED)
KEY("haul.unchecked", k_unchecked, KF_ASKED)
KEY("haul.unproven", k_unproven, KF_ASKED)
KEY("haul.wait", k_wait, KF_ASKED)
KEY("numPieces", k_num_pieces, 0)
KEY("pieceLength", k_piece_length, 0)
KEY("status", k_status, 0)
KEY("totalLength", k_total, 0)
KEY("uploadLength", k_zero, 0)
KEY("uploadSpeed", k_zero, 0)
KEY("verifiedLength", k_verified, KF_ALWAYS)
KEY("verifyIntegrityPending", k_verify_queued, KF_ALWAYS)
