/*
 * dest/records: change records, as files and objects hold them.
 *
 * One record per item: what became of the row (upsert, clear, delete, append), which
 * record it is, and its fields. As JSON Lines, or as CSV (RFC 4180) with a header.
 */
#ifndef EFF_DEST_RECORDS_H
#define EFF_DEST_RECORDS_H

#include "base/buf.h"
#include "dest/dest.h"

enum eff_records_format { EFF_RECORDS_JSONL = 0, EFF_RECORDS_CSV };

struct eff_records {
    int format; /* enum eff_records_format: index into choices */
    bool protect_formulas;
};

/* The rows of a driver's option table: `member` of `type` is a struct eff_records. */
#define EFF_RECORDS_OPTIONS(type, member)                                                          \
    {"format",                                                                                     \
     EFF_OPT_ENUM,                                                                                 \
     offsetof(type, member.format),                                                                \
     "jsonl",                                                                                      \
     0,                                                                                            \
     0,                                                                                            \
     "One JSON object per line, or CSV with a header.",                                            \
     0,                                                                                            \
     "jsonl|csv"},                                                                                 \
    {                                                                                              \
        "protect_formulas", EFF_OPT_BOOL, offsetof(type, member.protect_formulas), "false", 0, 0,  \
            "CSV: put a ' before texts that a spreadsheet would take for a formula.", 0, NULL      \
    }

const char *eff_records_suffix(const struct eff_records *records); /* "jsonl", "csv" */
/*
 * What records can say of the sync: modes, removals, and an object that may be part of a
 * name. Each operation gets the common limits. `what` is for messages: "a file".
 */
enum eff_fault eff_records_bind(const struct eff_records *records, const char *what,
                                const struct eff_dest_sync *sync,
                                const struct eff_op_limits *common,
                                struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err);
/* An upper estimate. */
size_t eff_record_bytes(const struct eff_delivery *delivery, const struct eff_item *item);
/* Added to buf; false when it is full. The header is CSV's. */
bool eff_records_write(const struct eff_records *records, const struct eff_delivery *delivery,
                       bool header, struct eff_buf *buf);

#endif
