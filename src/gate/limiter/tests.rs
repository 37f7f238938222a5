use super::*;

fn take(limiter: &Limiter, caller: &str, class: Class) -> Result<()> {
    limiter.take(&caller.into(), class)
}

#[tokio::test(start_paused = true)]
async fn the_call_after_the_limit_is_refused_and_says_when_to_come_back() {
    let limiter = Limiter::new(&config::RateLimits::default());
    for _ in 0..10 {
        take(&limiter, "a", Class::Generation).unwrap();
    }
    let error = take(&limiter, "a", Class::Generation).unwrap_err();
    assert_eq!(error.kind(), Kind::RateLimited);
    assert_eq!(error.message(), "the limit of 10 generation calls per minute is reached; wait 6.0 s");
    let wait = error.details().get("retry_after_ms").and_then(serde_json::Value::as_u64).unwrap();
    assert!((6_000..=6_001).contains(&wait));
    tokio::time::advance(Duration::from_millis(wait - 10)).await;
    assert!(take(&limiter, "a", Class::Generation).is_err());
    tokio::time::advance(Duration::from_millis(10)).await;
    take(&limiter, "a", Class::Generation).unwrap();
}

#[tokio::test(start_paused = true)]
async fn callers_and_classes_have_buckets_of_their_own() {
    let limiter = Limiter::new(&config::RateLimits::default());
    for _ in 0..10 {
        take(&limiter, "a", Class::Workflow).unwrap();
    }
    assert!(take(&limiter, "a", Class::Workflow).is_err());
    take(&limiter, "b", Class::Workflow).unwrap();
    take(&limiter, "a", Class::Read).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_class_has_a_ceiling_and_a_call_it_refuses_costs_the_caller_nothing() {
    let limiter = Limiter::new(&config::RateLimits { generation: 2, ..Default::default() });
    for caller in ["a", "b", "c", "d"] {
        take(&limiter, caller, Class::Generation).unwrap();
        take(&limiter, caller, Class::Generation).unwrap();
    }
    let error = take(&limiter, "e", Class::Generation).unwrap_err();
    assert!(error.message().contains("over all callers"), "{error}");
    tokio::time::advance(Duration::from_secs(20)).await;
    take(&limiter, "e", Class::Generation).unwrap();
    take(&limiter, "e", Class::Generation).unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_map_is_bounded() {
    let limiter = Limiter::new(&config::RateLimits { read_only: 1_000_000, ..Default::default() });
    for n in 0..3 * MAX_BUCKETS {
        take(&limiter, &format!("caller-{n}"), Class::Read).unwrap();
    }
    assert!(limiter.buckets() <= MAX_BUCKETS);
}

#[tokio::test(start_paused = true)]
async fn heavy_work_counts_as_several_calls() {
    let limiter = Limiter::new(&config::RateLimits::default());
    take(&limiter, "a", Class::Generation).unwrap();
    limiter.take_work(&"a".into(), 40.0).unwrap();
    // 9 are left; 500 megapixel-steps are 5 calls, of which the gate has counted one.
    take(&limiter, "a", Class::Generation).unwrap();
    limiter.take_work(&"a".into(), 500.0).unwrap();
    let error = limiter.take_work(&"a".into(), 500.0).map(|()| limiter.take_work(&"a".into(), 500.0));
    let error = error.and_then(|second| second).unwrap_err();
    assert_eq!(error.kind(), Kind::RateLimited);
    assert!(error.message().contains("counts as 5 of the 10 generation calls"), "{error}");
    assert_eq!(error.details()["counts_as_calls"], 5);
    assert!(error.details()["retry_after_ms"].as_u64().unwrap() > 1_000);
}

#[tokio::test(start_paused = true)]
async fn work_larger_than_the_bucket_waits_for_a_full_one_and_no_longer() {
    let limiter = Limiter::new(&config::RateLimits::default());
    take(&limiter, "a", Class::Generation).unwrap();
    limiter.take_work(&"a".into(), 1e12).unwrap();
    take(&limiter, "a", Class::Generation).unwrap_err();
    tokio::time::advance(Duration::from_secs(61)).await;
    take(&limiter, "a", Class::Generation).unwrap();
    limiter.take_work(&"a".into(), 1e12).unwrap();
}

#[test]
fn work_is_not_weighed_where_the_operator_says_so() {
    let limiter = Limiter::new(&config::RateLimits { work_per_call: 0, ..Default::default() });
    assert_eq!(limiter.calls_for(1e12), 1);
    assert_eq!(Limiter::new(&config::RateLimits::default()).calls_for(f64::NAN), 10);
}
