//! What survives: journal, records, receipts, crash recovery, integrity.
//!
//! A run gets its id and number before it starts ([`Store::begin`]), writes its events into a journal
//! ([`Store::journal`], the runner's `Recorder`), and ends as one sealed JSON file in `pending/` ([`Store::seal`]);
//! only then is its outcome shown. What a killed program left behind is found at the next start
//! ([`Store::recover`], [`Store::begin_recovery`]). From `pending/` the records go out ([`Store::pending`],
//! [`Store::load`], [`Store::receipts`], [`Store::settle`]). The store knows no network and opens no instrument.
//!
//! ```text
//! store/
//!   journal/<run id>.jsonl       a run in progress; locked while it lives    (.attachment-*: being written; .chain_*: the last record)
//!   pending/<name>.json          sealed, waiting for a target    (.tmp-*: being published)
//!   synced/YYYY-MM/<name>.json   confirmed by every target that wants it
//!   parked/  kept/               refused for good; wanted by nobody
//!   receipts/<run id>.jsonl      what became of it at each target: the truth; the folder is its summary
//!   quarantine/                  what cannot be believed, each with a .reason
//!   unsafe/<run id>.json         outputs that a killed run may have left on
//!   attachments/                 by digest
//!   units/                       which units were judged before: an index, and no more
//!   index/                       the history in short, and the news for it: an index, and no more
//!   underway.jsonl               what a drain has begun to send; gone when it ended well
//!   sync.json                    how the targets stood at the end of the last sync, for people
//!   sequence                     the last number that was handed out
//!   brought.jsonl                which runs came from another store: they are in that one's chain
//!   reserve                      given up to save the run in progress when the disk fills
//!   checkpoints.jsonl            what stands in the chain for records that were pruned
//!   pruned.jsonl                 which units those judged, and when
//!   lock.store  lock.seal  lock.syncer  lock.units      never removed
//! ```
//!
//! # Invariants
//! Each with the test that holds it, under `src/tests/` unless it is named after its module.
//!
//! 1. A run that was reported saved is there after any kill; a run that had begun is there exactly once after
//!    recovery; no file under a final name is ever torn: `crash::a_kill_at_any_moment_leaves_whole_records_and_every_saved_run`.
//! 2. Recovery may be killed at any point and ends in the same records:
//!    `crash::a_recovery_killed_at_any_moment_is_finished_by_the_next`,
//!    `recovering::a_recovery_that_was_killed_is_finished_by_the_next`,
//!    `recovering::two_recoveries_at_once_save_each_run_once`.
//! 3. Publishing and moving never replace anything: `publish::what_is_there_is_never_replaced`,
//!    `disk::unix::a_rename_never_replaces_what_is_there`, `outgoing::a_move_never_replaces_another_record`.
//! 4. A write or sync that failed is never tried again on the same file as if it had worked:
//!    `journal::a_write_that_failed_is_not_tried_again_and_the_run_can_still_be_sealed`,
//!    `journal::a_sync_that_failed_stays_failed`.
//! 5. A full or read-only disk is loud and costs nothing that was saved:
//!    `hostile::a_full_disk_is_loud_and_costs_nothing_that_was_saved`, `hostile::a_read_only_disk_is_loud`,
//!    `hostile::too_few_inodes_refuse_a_run_before_it_starts`, `hostile::a_folder_without_permission_is_loud`.
//! 6. A record is read only after every byte of it was checked: `integrity::every_truncation_and_every_flipped_byte_is_found`,
//!    `outgoing::a_tampered_digit_goes_to_quarantine`, `outgoing::a_record_under_another_name_goes_to_quarantine`.
//! 7. Of a journal the lines before the first bad one are believed, wherever it was cut:
//!    `journals::a_journal_cut_at_any_byte_is_recovered_with_its_whole_lines`,
//!    `journals::a_damaged_line_ends_what_is_believed_and_the_whole_journal_is_kept`.
//! 8. Nothing that cannot be believed is deleted or uploaded; it goes to quarantine:
//!    `recovering::complete_temporaries_are_adopted_and_incomplete_ones_quarantined`,
//!    `outgoing::links_and_pipes_are_neither_followed_nor_uploaded`, `hostile::planted_journals_are_moved_away_and_not_followed`.
//! 9. A live run is untouched: `recovering::a_run_in_progress_is_alive_and_untouched`,
//!    `recovering::the_temporary_of_a_live_run_is_left_alone`.
//! 10. An interrupted run never passes, and keeps what it had: `folding::every_beginning_of_a_run_folds_and_never_to_a_pass`,
//!     `folding::a_run_without_its_last_word_is_aborted_with_what_it_had`.
//! 11. A known bad unit is never hidden by a station fault: `folding::a_known_bad_unit_is_not_hidden_by_a_station_fault`,
//!     `folding::the_last_attempt_that_judged_a_measurement_counts`.
//! 12. Outputs that may be on are marked until they are proved off:
//!     `recovering::without_hardware_the_run_is_saved_and_a_marker_is_left`,
//!     `recovering::an_output_that_cannot_be_proved_off_makes_the_run_an_error_and_leaves_a_marker`.
//! 13. A confirmation is durable before the move, and nothing takes it back:
//!     `outgoing::receipts_say_how_a_run_stands_with_each_target`, `outgoing::the_folder_follows_from_the_receipts`,
//!     `outgoing::a_move_that_was_lost_is_made_again_without_a_second_upload`, `outgoing::damaged_receipts_are_not_guessed`,
//!     `outgoing::receipts_cut_at_any_byte_keep_their_whole_lines_and_go_on`.
//! 14. No number is handed out twice: `hostile::numbers_rise_and_survive_the_loss_of_their_file`,
//!     `hostile::many_starts_at_once_get_different_numbers`,
//!     `pruning::numbers_go_on_where_everything_was_pruned_and_the_count_is_lost`.
//! 15. Any serial number ends in exactly one file inside the store:
//!     `hostile::every_serial_number_ends_in_exactly_one_file`, `name::serial_numbers_become_plain_names`.
//! 16. Results are for their owner only: `hostile::results_are_for_their_owner_only`.
//! 17. No number that is not finite is written, and no doubled member is read:
//!     `integrity::a_number_that_is_not_finite_is_refused`, `integrity::unknown_members_are_tolerated_and_doubled_ones_refused`.
//! 18. Every released format is read for ever, a later one is left alone: all of `formats`,
//!     `integrity::a_later_schema_is_told_from_damage`, `journals::a_journal_of_a_later_format_is_left_alone`.
//! 19. A reader of the plain form works unchanged: `folding::a_reader_of_the_plain_form_works_unchanged`.
//!
//! 20. A disk that hangs holds up no event, and so no supervisor: `journal::a_disk_that_hangs_holds_up_no_event`; the sync
//!     of a step runs beside the next one and no further: `journal::the_sync_of_a_step_runs_beside_the_next_one_and_no_further`.
//! 21. An attachment is whole, durable and under its digest before its event, or not there:
//!     `attachments::an_attachment_lies_under_its_digest_once`, `attachments::what_is_too_large_or_breaks_off_leaves_nothing`,
//!     `attachments::what_a_dead_program_left_goes_to_quarantine_and_what_a_live_one_writes_stays`.
//! 22. A journal that cannot be believed still marks the outputs that its readable lines name:
//!     `recovering::a_damaged_journal_marks_the_outputs_that_its_readable_part_names`.
//! 23. A disk that refuses any one call, or every call of a kind, is loud and costs nothing that was confirmed:
//!     `faults::sealing_with_any_call_broken_saves_the_run_or_says_that_it_did_not`,
//!     `faults::a_journal_with_any_call_broken_keeps_what_a_barrier_confirmed`,
//!     `faults::a_move_with_any_call_broken_leaves_the_record_in_one_place_and_the_receipt_believed`,
//!     `faults::the_folder_of_a_month_is_durable_before_a_move_into_it_is`,
//!     `faults::a_recovery_with_any_call_broken_is_finished_by_the_next`,
//!     `faults::an_attachment_with_any_call_broken_is_whole_or_not_there`; a sync that is tried again on the same file is
//!     seen: `faults::a_sync_that_is_tried_again_is_seen`.
//! 24. Whatever was confirmed before a power cut is found after it, on a model of a disk that keeps nothing that was not
//!     synced: `model::whatever_was_confirmed_before_a_power_cut_is_found_after_it`; the model sees what is left out:
//!     `model::a_store_that_leaves_out_a_sync_is_found_out`.
//! 25. The chain has no gap, no fork and no doubled position, whatever was killed and whoever sealed beside:
//!     `chain::many_sealing_at_once_make_one_chain`, `chain::a_seal_that_died_at_any_call_leaves_one_chain`,
//!     `chain::a_store_that_lost_its_head_goes_on_where_it_was`, `chain::a_temporary_whose_place_was_taken_gets_another`,
//!     `chain::records_of_another_store_do_not_disturb_the_chain`.
//! 26. What is altered, missing, doubled or out of order is found: `chain::what_is_altered_missing_or_reordered_is_found`,
//!     `chain::the_last_record_cannot_go_unnoticed`, `chain::a_record_that_is_not_signed_by_the_station_is_found`.
//! 27. Pruning removes only what every target confirmed, and leaves no gap:
//!     `pruning::only_what_was_confirmed_before_the_day_goes`, `pruning::the_chain_holds_over_what_was_pruned`,
//!     `pruning::a_prune_with_any_call_broken_loses_nothing_unconfirmed`; which units they judged is known for ever:
//!     `pruning::the_units_of_pruned_records_are_remembered`.
//! 28. Very many records are handed out oldest first, each once, in memory that does not grow with them:
//!     `outgoing::very_many_records_come_oldest_first_each_once`.
//! 29. An upload is named durably before its first byte leaves, and after a crash its receipts say so, before anything else is
//!     sent: `underway::what_a_drain_that_died_had_begun_is_in_the_receipts`,
//!     `underway::a_list_with_any_call_broken_names_what_it_let_begin`,
//!     `underway::a_torn_list_is_believed_up_to_there_and_a_damaged_one_is_not`.
//! 30. Receipts of many runs are durable together, or the disk is loud: `receipts::many_receipts_wait_for_the_disk_once`.
//! 31. Order, names and identity rest on no clock; one that is long past, was set, went back, is not synchronised or counts a
//!     leap second is said in the record: `clock::a_clock_that_was_set_is_doubted_and_one_that_was_slewed_is_not`,
//!     `clock::a_clock_without_a_battery_a_leap_second_and_no_synchronisation_are_doubted`,
//!     `clocks::order_and_names_survive_every_clock`, `clocks::what_is_doubted_of_a_clock_survives_the_run`,
//!     `clocks::a_clock_that_is_set_during_a_run_is_said_in_the_record`. What a server's clock says is kept beside
//!     ([`TargetOutlook`]), and no record changes.
//! 32. The run in progress is saved also when the disk fills: `space::the_reserve_saves_the_run_in_progress`,
//!     `space::a_journal_on_a_disk_that_fills_up_goes_on_in_the_room_of_the_reserve`,
//!     `space::a_larger_run_has_a_larger_reserve`; one for which there is no room does not begin:
//!     `space::a_run_that_needs_more_than_there_is_does_not_begin`,
//!     `space::the_estimate_is_no_less_than_a_run_takes`,
//!     `space::a_disk_below_the_threshold_is_told_and_below_the_floor_refused`.
//! 33. A file system of another machine, or one whose locks lie, is refused:
//!     `ground::a_store_on_a_network_file_system_is_refused_before_anything_is_made`,
//!     `ground::locks_that_are_given_to_two_are_not_believed`, `ground::file_systems_of_other_machines_are_named`; one that
//!     keeps no modes is told ([`Store::keeps_modes`]): `ground::a_file_system_that_keeps_no_modes_is_told`.
//! 34. A shared store is for the group of its folder and for nobody else, and no link is followed on the way:
//!     `sharing::a_shared_store_is_for_the_group_of_its_folder_and_for_nobody_else`,
//!     `sharing::a_store_that_was_private_is_given_to_the_group_whole`.
//! 35. A record that is moved while another program looks for it is neither saved twice nor forgotten by the chain:
//!     `recovering::a_record_that_is_moved_while_it_is_looked_for_is_found`,
//!     `recovering::the_temporary_of_a_record_that_was_moved_since_is_no_second_record`.
//! 36. A record that was saved stays as it was, also where its journal comes back and the disk fails meanwhile:
//!     `faults::a_saved_run_whose_journal_came_back_stays_as_it_was_whatever_breaks_meanwhile`; so does one that was uploaded
//!     before its name was durable: `faults::what_is_uploaded_before_its_name_is_durable_is_the_record_that_is_found`. No second
//!     sync is believed: `faults::sealing_once_more_with_any_call_broken_believes_no_second_sync`,
//!     `faults::a_record_that_is_brought_with_any_call_broken_is_here_durably_or_refused`.
//! 37. What comes from another store stays in that one's chain, also where its import died:
//!     `crash::an_import_killed_at_any_moment_beside_recoveries_brings_every_record_as_it_was`,
//!     `chain::an_import_that_died_is_finished_and_its_record_stays_in_the_chain_of_the_other_store`.
//! 38. With the station's key, who has it not can neither alter a record nor call a removed one pruned:
//!     `pruning::who_has_not_the_key_cannot_call_a_removed_record_pruned`,
//!     `pruning::a_signed_record_stays_where_its_checkpoint_could_not_be_signed`.
//! 39. Every record that is sealed can be read again:
//!     `journal::results_beyond_what_can_be_read_again_are_refused_and_the_run_is_saved_without_them`.
//!
//! 40. A store that is only looked at ([`Store::open_to_look`]) says what one that can be written to says of what is sealed, and
//!     nothing in it is altered: `looking::a_store_that_is_looked_at_says_the_same_and_nothing_in_it_is_altered`,
//!     `looking::what_would_alter_a_store_that_is_looked_at_is_refused`; without a record that a crash left half done:
//!     `looking::what_a_crash_left_half_done_stays_so_and_the_chain_ends_before_it`.
//!
//! Real processes under strace hold 1, 2, 5, 13 and 23 once more, from outside: `tests/broken_disk.rs` of the workspace.
//!
//! Run on Linux. The form for Apple systems is the same code, and was not run there; the one for Windows stands behind the same
//! functions, and its tests were run on Linux only.

mod adopt;
mod attach;
mod attachments;
mod backlog;
mod census;
mod chain;
mod clock;
mod disk;
mod error;
pub mod event;
pub mod fold;
mod ground;
pub mod integrity;
mod journal;
mod line;
mod lock;
mod log;
mod look;
mod mint;
mod name;
mod newfile;
mod outbox;
mod outlook;
mod prune;
mod pruned;
mod publish;
mod quarantine;
mod receipts;
pub mod record;
mod recovery;
mod sign;
mod space;
mod store;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod tests;
mod underway;
mod units;
mod verify;

pub use adopt::{Adopted, well_numbered};
pub use attach::AttachmentWriter;
pub use backlog::Backlog;
pub use census::{Changed, Derived, Looks, RecordFolder};
pub use clock::ClockFacts;
pub use disk::news::FolderNews;
pub use error::{StoreError, StoreErrorKind};
pub use journal::Journal;
pub use lock::Lock;
pub use name::{RecordName, RecordNameError, SEQUENCE_DIGITS};
pub use newfile::NewFile;
pub use outbox::{Listing, Loaded, Place, Sealed, place};
pub use outlook::{Outlook, TargetOutlook};
pub use prune::Pruned;
pub use pruned::PrunedRun;
pub use publish::put_elsewhere;
pub use quarantine::Quarantined;
pub use receipts::{
    AttachmentState, AttachmentStep, Receipt, ReceiptKind, Receipts, RunReceipts, Standing, TargetState,
};
pub use record::{Attachment, Record};
pub use recovery::{InterruptedInstrument, InterruptedRun, Recovering, Recovery};
pub use sign::{Signature, StationKey};
pub use space::Estimate;
pub use store::{Saved, Store, Ticket};
pub use underway::{Begun, Underway};
pub use units::{CountedRuns, JudgedRun};
pub use verify::{Finding, Verified};
