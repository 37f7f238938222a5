use super::*;
use crate::comfy::Limits;

fn id(text: &str) -> PromptId {
    PromptId::parse(text).unwrap()
}

fn tracker(tracked_prompts: usize) -> PromptTracker {
    PromptTracker::new(&Limits { tracked_prompts, ..Limits::default() })
}

fn submit(tracker: &PromptTracker, text: &str) {
    tracker.submitted(&id(text), ClientId::numbered("me", 1), &Workflow::new());
}

#[test]
fn frames_of_foreign_prompts_are_dropped() {
    let tracker = tracker(8);
    submit(&tracker, "mine");
    assert!(tracker.apply(Frame::Start(id("mine"))));
    assert!(!tracker.apply(Frame::Start(id("other"))));
    assert_eq!(tracker.progress(&id("other")), None);
}

#[test]
fn progress_is_kept_without_a_watcher() {
    let tracker = tracker(8);
    submit(&tracker, "mine");
    tracker.apply(Frame::Start(id("mine")));
    tracker.apply(Frame::Step { prompt_id: id("mine"), node_id: Some("3".into()), value: 2.0, max: 4.0 });
    let progress = tracker.progress(&id("mine")).unwrap();
    assert_eq!(
        (progress.step, progress.total_steps, progress.node_id.as_deref()),
        (Some(2), Some(4), Some("3"))
    );
}

#[test]
fn the_oldest_unwatched_prompt_is_forgotten() {
    let tracker = tracker(2);
    submit(&tracker, "a");
    let watcher = tracker.subscribe(&id("a"), false);
    submit(&tracker, "b");
    submit(&tracker, "c");
    assert!(tracker.progress(&id("a")).is_some());
    assert!(tracker.progress(&id("b")).is_none());
    assert!(tracker.progress(&id("c")).is_some());
    drop(watcher);
    assert!(!tracker.is_watched());
}

#[test]
fn words_without_an_id_go_to_the_running_prompt() {
    let tracker = tracker(8);
    submit(&tracker, "mine");
    let watcher = tracker.subscribe(&id("mine"), false);
    let words = || Frame::Text { node_id: "1".into(), text: "hello".into() };
    assert!(!tracker.apply(words()));
    tracker.apply(Frame::Start(id("mine")));
    assert!(tracker.apply(words()));
    tracker.apply(Frame::Success(id("mine")));
    assert!(!tracker.apply(words()));
    let (events, hint) = watcher.take();
    assert_eq!(events.len(), 2);
    assert_eq!(hint, Some(Hint::Over));
    assert!(tracker.known(&id("mine")).saw_all);
}

#[test]
fn a_broken_socket_means_that_something_may_have_been_missed() {
    let tracker = tracker(8);
    submit(&tracker, "mine");
    tracker.apply(Frame::Start(id("mine")));
    tracker.socket_closed();
    tracker.apply(Frame::Success(id("mine")));
    assert!(!tracker.known(&id("mine")).saw_all);
}

#[test]
fn a_start_takes_back_the_removal_from_the_queue() {
    let tracker = tracker(8);
    tracker.taken_out(&id("mine"));
    assert!(tracker.known(&id("mine")).taken_out);
    tracker.apply(Frame::Start(id("mine")));
    assert!(!tracker.known(&id("mine")).taken_out);
}
