-- The guard's limits as they were for every directory that is there: what its rules did not say was this until now, and
-- new directories get other ones. Limits for groups were those for people; nothing had a largest number.
UPDATE connection SET rules = json_insert(rules, '$.limits', json('{}'));
UPDATE connection SET rules = json_insert(
    rules,
    '$.limits.leaving_share', 1000,
    '$.limits.leaving_min', 10,
    '$.limits.leaving_max', 0,
    '$.limits.memberships_share', 3000,
    '$.limits.memberships_min', 10,
    '$.limits.memberships_max', 0
);
UPDATE connection SET rules = json_insert(
    rules,
    '$.limits.groups_share', json_extract(rules, '$.limits.leaving_share'),
    '$.limits.groups_min', json_extract(rules, '$.limits.leaving_min'),
    '$.limits.groups_max', 0
);
-- Whoever came into a protected group was served at once until now; those of groups that administer a product wait from now on.
UPDATE connection SET rules = json_insert(rules, '$.protected.joiners', 'administrators_wait')
WHERE json_array_length(rules, '$.protected.groups') > 0;
