//! What holds on every executor.

pub mod detached;
pub mod ways_out;

/// A test of each of these cases on one executor.
macro_rules! on {
    ($executor:expr) => {
        $crate::everywhere::on! { $executor; ways_out:
            a_block_gives_its_value_after_its_exit
            every_way_out_awaits_the_exit
            every_way_out_awaits_the_exit_of_a_local_manager
            a_local_manager_that_is_cut_is_abandoned_or_loses_its_exit
            a_stack_is_exited_when_it_is_left_and_when_it_is_cut
            managers_that_are_together_are_exited_together_also_when_they_are_cut
            a_synchronous_block_that_is_cut_is_exited_at_once
        }
        $crate::everywhere::on! { $executor; detached:
            a_detached_exit_runs_where_it_should
            a_cut_block_is_exited_and_settle_waits_for_it
            settle_can_be_bounded
            an_exit_that_had_begun_runs_on
            an_exit_that_is_cut_while_it_awaits_its_executor_is_woken_where_it_runs_on
            an_enter_that_is_cut_has_no_exit_but_the_managers_before_it_have
            nested_blocks_that_are_cut_are_exited_from_the_inside_out
            an_outer_exit_waits_in_place_for_a_detached_inner_one
            many_exits_wait_at_once
            an_exit_that_does_not_end_stops_no_other
            failures_and_panics_of_detached_exits_go_to_the_hook_and_stop_no_other_exit
            a_destructor_that_panics_in_a_detached_exit_stops_no_other_exit
            settle_ends_when_nothing_is_detached
        }
    };
    ($executor:expr; $subject:ident: $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                ($executor.block_on)(Box::pin($crate::everywhere::$subject::$case($executor)));
            }
        )*
    };
}
pub(crate) use on;
