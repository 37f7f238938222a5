use super::*;
use crate::comfy::Limits;

fn id(text: &str) -> PromptId {
    PromptId::parse(text).unwrap()
}

fn board(tracked_prompts: usize) -> Board {
    Board::new(&Limits { tracked_prompts, ..Limits::default() })
}

fn submit(board: &Board, text: &str) {
    board.submitted(&id(text), ClientId::numbered("me", 1), &Workflow::new());
}

#[test]
fn frames_of_foreign_prompts_are_dropped() {
    let board = board(8);
    submit(&board, "mine");
    assert!(board.apply(Frame::Start(id("mine"))));
    assert!(!board.apply(Frame::Start(id("other"))));
    assert_eq!(board.progress(&id("other")), None);
}

#[test]
fn progress_is_kept_without_a_watcher() {
    let board = board(8);
    submit(&board, "mine");
    board.apply(Frame::Start(id("mine")));
    board.apply(Frame::Step { prompt_id: id("mine"), node_id: Some("3".into()), value: 2.0, max: 4.0 });
    let progress = board.progress(&id("mine")).unwrap();
    assert_eq!(
        (progress.step, progress.total_steps, progress.node_id.as_deref()),
        (Some(2), Some(4), Some("3"))
    );
}

#[test]
fn the_oldest_unwatched_prompt_is_forgotten() {
    let board = board(2);
    submit(&board, "a");
    let watcher = board.subscribe(&id("a"), false);
    submit(&board, "b");
    submit(&board, "c");
    assert!(board.progress(&id("a")).is_some());
    assert!(board.progress(&id("b")).is_none());
    assert!(board.progress(&id("c")).is_some());
    drop(watcher);
    assert!(!board.is_watched());
}

#[test]
fn words_without_an_id_go_to_the_running_prompt() {
    let board = board(8);
    submit(&board, "mine");
    let watcher = board.subscribe(&id("mine"), false);
    let words = || Frame::Text { node_id: "1".into(), text: "hello".into() };
    assert!(!board.apply(words()));
    board.apply(Frame::Start(id("mine")));
    assert!(board.apply(words()));
    board.apply(Frame::Success(id("mine")));
    assert!(!board.apply(words()));
    let (events, hint) = watcher.take();
    assert_eq!(events.len(), 2);
    assert_eq!(hint, Some(Hint::Over));
    assert!(board.known(&id("mine")).saw_all);
}

#[test]
fn a_broken_socket_means_that_something_may_have_been_missed() {
    let board = board(8);
    submit(&board, "mine");
    board.apply(Frame::Start(id("mine")));
    board.socket_closed();
    board.apply(Frame::Success(id("mine")));
    assert!(!board.known(&id("mine")).saw_all);
}

#[test]
fn a_start_takes_back_the_removal_from_the_queue() {
    let board = board(8);
    board.taken_out(&id("mine"));
    assert!(board.known(&id("mine")).taken_out);
    board.apply(Frame::Start(id("mine")));
    assert!(!board.known(&id("mine")).taken_out);
}
