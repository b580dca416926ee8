ALTER TABLE "chunks" ADD COLUMN "payload" jsonb;--> statement-breakpoint
-- What an update carries is its payload from now on; its step says only what was asked.
UPDATE "chunks" SET "payload" = jsonb_build_object('settings', "step" -> 'settings')
WHERE "kind" = 'update' AND "state" IN ('submitting', 'submitted', 'ambiguous', 'needs_attention');--> statement-breakpoint
UPDATE "chunks" SET "payload" = '{}'
WHERE "kind" <> 'update' AND "state" IN ('submitting', 'submitted', 'ambiguous', 'needs_attention');--> statement-breakpoint
UPDATE "chunks" SET "step" = jsonb_set("step", '{settings}', ("step" -> 'settings') - 'tags')
WHERE "kind" = 'update' AND "step" ? 'tags' AND "state" NOT IN ('settled', 'cancelled');--> statement-breakpoint
-- The blockers that were cleared for a release have a name that says so.
UPDATE "chunks" SET "step" = ("step" - 'freed') || jsonb_build_object('cleared', "step" -> 'freed') WHERE "step" ? 'freed';--> statement-breakpoint
UPDATE "chunks" SET "next_steps" = (
  SELECT jsonb_agg(CASE WHEN s ? 'freed' THEN (s - 'freed') || jsonb_build_object('cleared', s -> 'freed') ELSE s END ORDER BY nth)
  FROM jsonb_array_elements("next_steps") WITH ORDINALITY AS n(s, nth))
WHERE "next_steps" @? '$[*].freed';--> statement-breakpoint
-- Evidence has a history of earlier calls, and what the checks of the present phase saw.
UPDATE "chunks" SET "evidence" = jsonb_build_object(
  'history', (
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each("evidence")
    WHERE key IN ('resent', 'declared', 'lateUntil', 'windowed', 'rearmed', 'bisect')),
  'seen', jsonb_strip_nulls(CASE
    WHEN "state" IN ('planned', 'submitting') THEN
      jsonb_build_object('phase', 'before_sending', 'hidden', "evidence" -> 'hidden', 'notReady', "evidence" -> 'notReady')
    WHEN "state" = 'submitted' AND jsonb_array_length(coalesce("evidence" -> 'looks', '[]')) > 0 THEN
      jsonb_build_object('phase', 'final', 'checks', "evidence" -> 'looks')
    WHEN "state" = 'submitted' THEN
      jsonb_build_object('phase', 'open', 'failedLines', (
        SELECT jsonb_object_agg(key, jsonb_build_object('since', value -> 'since', 'checks', value -> 'looks'))
        FROM jsonb_each("evidence" -> 'failedLines')))
    ELSE
      jsonb_build_object('phase', 'unknown', 'because', coalesce("evidence" -> 'because', '"unknown"'),
        'checks', coalesce("evidence" -> 'looks', '[]'), 'named', "evidence" -> 'named', 'wholeWindow', "evidence" -> 'wholeWindow',
        'ownedNumbers', "evidence" -> 'ownedNumbers', 'conclusion', "evidence" -> 'conclusion')
  END))
WHERE jsonb_typeof("evidence") = 'object' AND NOT "evidence" ? 'seen';--> statement-breakpoint
-- A streak of checks before sending counts checks.
UPDATE "chunks" SET "evidence" = jsonb_set("evidence", ARRAY['seen', k.name], (
  SELECT coalesce(jsonb_object_agg(key, jsonb_build_object('since', value -> 'since', 'checks', value -> 'looks')), '{}')
  FROM jsonb_each("evidence" -> 'seen' -> k.name)))
FROM (VALUES ('hidden')) AS k(name)
WHERE "evidence" -> 'seen' ? k.name;--> statement-breakpoint
UPDATE "chunks" SET "evidence" = jsonb_set("evidence", ARRAY['seen', k.name], (
  SELECT coalesce(jsonb_object_agg(key, jsonb_build_object('since', value -> 'since', 'checks', value -> 'looks')), '{}')
  FROM jsonb_each("evidence" -> 'seen' -> k.name)))
FROM (VALUES ('notReady')) AS k(name)
WHERE "evidence" -> 'seen' ? k.name;
