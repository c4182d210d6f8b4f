#!/bin/sh
# test/sim/mutants.sh: does the simulator find planted bugs?
#
# usage: test/sim/mutants.sh [BUILD] [NAME...]     default: build, all of them
#
# Each line of the list below is one bug: a name, the file, and what sed does to a
# copy of it. The copy is compiled and linked in front of the room's library. The
# simulator must break an oracle within SIM_MUTANT_SEEDS (1,000) seeds from each
# of the starts in SIM_MUTANT_STARTS (1 and 500001). A line whose sed changes
# nothing is an error: the code has moved on, and the line must follow. That alone is
# looked at with --lines instead of BUILD, in no time.
cd "$(dirname "$0")/../.." || exit 2
build=${1:-build}
[ $# -gt 0 ] && shift
wanted=$*
seeds=${SIM_MUTANT_SEEDS:-1000}
starts=${SIM_MUTANT_STARTS:-1 500001}

mutants() {
    sed -e '/^#/d' -e '/^$/d' << 'LIST'
lost-is-applied src/state/control_batch.c s/return verdict->maybe && !applied ? EFF_MAYBE_APPLIED/return verdict->outcome == EFF_MAYBE_APPLIED ? EFF_APPLIED/
blind-retry src/deliver/judge.c s/return class == EFF_CLASS_CONVERGE || class == EFF_CLASS_KEYED ||/return class != EFF_CLASS_LOOKUP ||/
lookup-retry src/deliver/judge.c s/return class == EFF_CLASS_CONVERGE || class == EFF_CLASS_KEYED ||/return class != EFF_CLASS_BLIND ||/
partial-is-success src/dest/rest_judge.c s/bool known = answer->unlisted != .*/bool known = true; verdict.outcome = EFF_APPLIED; (void)strangers; (void)answer;/
truncated-is-success src/dest/rest_judge.c /if (!json && rest_looks_cut/,/was cut/s/EFF_MAYBE_APPLIED/EFF_APPLIED/
5xx-is-not-applied src/dest/rest_judge.c s/if (fault == EFF_TRANSIENT && may_be_applied/if (status == 1 \&\& may_be_applied/
sync-off src/state/control_db.c s/synchronous = FULL/synchronous = NORMAL/
cut-read-is-complete src/run/read.c /^read_all/,/^}/s/return eff_run_stopped(r, fault, err);/return EFF_OK;/
mark-skipped src/deliver/lane.c /^lane_needs_mark/,/^}/s/return !lane->marked/return false \&\& !lane->marked/
mark-lazy src/run/effects.c /eff_control_mark(/,/;/s/effect.lazy/true/
guard-off src/run/guards.c /^guard_removals/,/^}/s/if (removed == 0)/if (removed < 1000000)/
null-guard-off src/run/guards.c s/if (r->null_keys > r->state.null_keys)/if (r->null_keys > 1000000)/
snapshot-not-synced src/state/snapshot_write.c s/EFF_TRY(os->sync(out->file, err));//
snapshot-folder-not-synced src/state/snapshot_write.c /"snapshot.named"/,/"snapshot.durable"/s/EFF_TRY(os->sync_dir(os->self, writer->folder, err));//
changes-not-synced src/state/changes.c s/EFF_TRY(writer->os->sync(writer->file, err));//
plan-not-durable src/state/control.c /^eff_control_plan/,/^}/s/eff_control_begin(control, true, err)/eff_control_begin(control, false, err)/
seen-is-durable src/run/state.c s/if (!plan && log_left)/if (false \&\& log_left)/
folder-not-durable src/run/state.c s/if (is_new)/if (false \&\& is_new)/
key-never-expires src/deliver/doubt.c /^eff_deliver_key_expired/,/^}/s/4;/400000;/
absent-is-done src/deliver/doubt.c s/.outcome = EFF_NOT_APPLIED, .fault = EFF_TRANSIENT, .code = EFF_STR("not created")/.outcome = EFF_APPLIED/
stored-failure-for-ever src/state/control_forget.c s/if (!verdict->absent \&\& !(removed/if (!(removed/
stored-failure-is-absence src/deliver/doubt.c /^eff_lane_looked/,/^}/s/if (verdict.outcome == EFF_NOT_APPLIED)/if (keyed || verdict.outcome == EFF_NOT_APPLIED)/
older-values-are-the-newest src/deliver/doubt.c /^eff_lane_doubt_older/,/^}/s/if (!item->changed/if (true || !item->changed/
key-of-parts src/deliver/judge.c /^judge_keep_together/,/^}/s/if (!maybe)/if (true || !maybe)/
dirty-forgotten src/record/record.c s/if (row->outcome == EFF_MAYBE_APPLIED && record_tracks/if (false \&\& record_tracks/
dirty-cleared-by-throttle src/deliver/judge.c s/known->maybe = maybe;/known->maybe = false; (void)maybe;/
ambiguous-forgotten src/state/control.c s/" AND code IS NOT 'ambiguous'"//
ambiguous-overwritten src/state/control_ledger.c s/" WHERE ledger.code IS NOT 'ambiguous' OR ?7 = 'ambiguous' OR ?3 = 1"//
retry-after-halved src/flow/request.c s/return ms <= REQUEST_RETRY_MAX_MS ? ms : -1;/return ms <= REQUEST_RETRY_MAX_MS ? ms \/ 2 : -1;/
held-is-green src/run/report.c s/report->held > 0/report->held > 1000000/
rejects-forgotten src/run/effects.c s/e->counts->rejected++;//
twins-of-the-model-are-sent src/diff/diff.c s/return EFF_CHANGE_DUPLICATE;/return EFF_CHANGE_ADD;/
refused-is-acknowledged src/record/record.c s/if (row->outcome != EFF_APPLIED \&\& row->outcome != EFF_TAKEN)/if (row->outcome == EFF_NOT_APPLIED)/
late-is-never src/run/doubts.c /^eff_run_late_ms/,/^}/s/late_ms : 0/late_ms * 0 : 0/
late-when-acknowledged src/state/control_doubt.c /^doubt_maybe/,/^}/s/verdict->maybe || //
late-removal-is-done src/record/record.c /^record_doubted/,/^}/s/return record_unknown(.*/return eff_snapshot_remove(walk->writer, ack->key, err);/
batch-in-two-lanes src/deliver/lane.c s/lane->batch = d->next_batch++;/lane->batch = d->next_batch; d->next_batch += lane == d->lanes;/
retries-without-end src/deliver/rate.c s/limiter->failures_until += RATE_FAILURE_MS;//
damaged-is-good src/state/snapshot.c s/if (block->checksum != snapshot_block_checksum(layout->file_id, block))/if (false \&\& block->checksum != snapshot_block_checksum(layout->file_id, block))/
wall-clock-for-deadlines src/run/effects.c s/r->os->mono_ms(r->os->self)/(r->os->wall_ms(r->os->self) - r->started_wall + r->started_mono)/
open-run-of-another src/state/control.c s/" WHERE sync = ?1 AND state = ?2 ORDER BY id", sync,/" WHERE ?1 = ?1 AND state = ?2 ORDER BY id", sync,/
backup-not-noticed src/run/older.c s/(order == 0 \&\& mark.step <= step) ||/order >= 0 ||/
backup-is-believed src/run/older.c /^eff_run_older_forget/,/^}/s/EFF_TRY(fault);/return fault;/;/^older_walk/,/^}/s/.row = EFF_ENTRY_UNKNOWN/.row = entries[i].row/
backup-goes-on src/run/effects.c s/if (e->old)/if (false)/
removal-not-recorded src/record/record.c s/return eff_snapshot_remove(walk->writer, ack->key, err);/return EFF_OK;/
forgotten-is-sent src/run/read.c /^read_is_forgotten/,/^}/s/return forgotten;/return false;/
forgotten-is-removed src/run/planning.c s/if (change.kind == EFF_CHANGE_REMOVE \&\& eff_run_is_forgotten/if (false \&\& eff_run_is_forgotten/
forgotten-in-reports src/state/control_forget.c s/return forget_words(control, sync, err);/return EFF_OK;/
forgotten-in-dead-plan src/run/verbs_forget.c s/EFF_TRY(eff_changes_sweep(.*));//
forgotten-in-free-pages src/state/control.c s/secure_delete = ON/secure_delete = OFF/
line-of-pending-missing src/run/effects.c /^effects_unsent_batch/,/^}/s/fault = eff_control_ledger_put(/if (held) fault = eff_control_ledger_put(/
line-of-refused-missing src/state/control_batch.c /^batch_to_ledger/,/^}/s/eff_control_ledger_put(control, settle->sync/row.state == EFF_LEDGER_REJECTED ? EFF_OK : eff_control_ledger_put(control, settle->sync/
lines-stay src/state/control.c s/"DELETE FROM ledger WHERE sync = ?1 AND run <> ?2"/"DELETE FROM ledger WHERE sync = ?1 AND run <> ?2 AND 1 = 0"/
token-in-ledger src/run/run.c /^run_hear/,/^}/s/eff_redact_learn(&r->redact, secret);/(void)r, (void)secret;/
values-stay src/run/finish.c s/EFF_TRY(r->os->unlink(r->os->self, path, err));//
LIST
}

if [ "$build" = --lines ]; then
    mutants | {
        status=0
        while read -r name file script; do
            ! sed "$script" "$file" | cmp -s - "$file" && continue
            echo "test/sim/mutants.sh: $name changes nothing in $file: the line must follow the code"
            status=1
        done
        exit $status
    }
    exit
fi

# The command that builds a target, from ninja, without what follows it.
command_of() {
    (cd "$build" && ninja -t commands "$1" | tail -n 1)
}

cmake --build "$build" --target sim > /dev/null || exit 2
root=$(pwd)
work=$root/$build/mutants
mkdir -p "$work"
link=$(command_of sim)
found=0
missed=""

try() {
    name=$1 file=$2 script=$3
    room=$(echo "$file" | cut -d/ -f2)
    sed "$script" "$file" > "$work/$name.c"
    if cmp -s "$file" "$work/$name.c"; then
        echo "$name: the sed of this mutant changes nothing in $file"
        return 1
    fi
    object=CMakeFiles/eff_$room.dir/$file.o
    compile=$(command_of "$object" | sed -e "s|$object\.d|$work/$name.d|g" -e "s|-o $object|-o $work/$name.o|" \
        -e "s|-c [^ ]*$|-c $work/$name.c|" -e "s|-Werror||")
    (cd "$build" && sh -c "$compile") > "$work/$name.log" 2>&1 || {
        echo "$name: does not compile, see $work/$name.log"
        return 1
    }
    (cd "$build" && sh -c "$(echo "$link" | sed -e "s|-o test/sim/sim |-o $work/$name $work/$name.o |")") \
        >> "$work/$name.log" 2>&1 || {
        echo "$name: does not link, see $work/$name.log"
        return 1
    }
    for start in $starts; do
        if (ulimit -t 300 && "$work/$name" --seed "$start" --count "$seeds" --quiet) > "$work/$name.out" 2>&1; then
            echo "$name: not found within $seeds seeds from $start"
            return 1
        fi
        told=$(grep -m 1 -E 'BROKEN|Assertion|fault' "$work/$name.out" || echo 'died')
        seed=$(echo "$told" | sed -n 's/^seed \([0-9]*\) .*/\1/p')
        printf '%s: after %s: %s\n' "$name" "${seed:+$((seed - start + 1))}" "$told"
    done
    rm -f "$work/$name"
    return 0
}

mutants > "$work/list"
while read -r name file script; do
    case " $wanted " in "  " | *" $name "*) ;; *) continue ;; esac
    if try "$name" "$file" "$script"; then
        found=$((found + 1))
    else
        missed="$missed $name"
    fi
done < "$work/list"
echo "$found planted bugs found${missed:+; not found:$missed}"
[ -z "$missed" ]
