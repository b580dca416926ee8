-- By hand: Drizzle knows no partitions. The table that exists becomes the first partition as it is, so no event is copied and each
-- keeps its id. It takes events until the end of this month; a month has its own partition from then on. No statement reads events
-- by their request, so that index goes. The key holds the time, because Postgres demands the column of the partitions in it.
ALTER TABLE "events" RENAME TO "events_first";--> statement-breakpoint
DROP INDEX "events_request";--> statement-breakpoint
ALTER INDEX "events_subject" RENAME TO "events_first_subject";--> statement-breakpoint
ALTER TABLE "events_first" DROP CONSTRAINT "events_pkey";--> statement-breakpoint
ALTER TABLE "events_first" ADD CONSTRAINT "events_first_pkey" PRIMARY KEY("at","id");--> statement-breakpoint
CREATE INDEX "events_first_snoozes" ON "events_first" USING btree ("at") WHERE "events_first"."cause" in ('try_later');--> statement-breakpoint
CREATE TABLE "events" (
	LIKE "events_first" INCLUDING DEFAULTS,
	CONSTRAINT "events_at_id_pk" PRIMARY KEY("at","id")
) PARTITION BY RANGE ("at");--> statement-breakpoint
ALTER SEQUENCE "events_id_seq" OWNED BY "events"."id";--> statement-breakpoint
CREATE INDEX "events_subject" ON "events" USING btree ("subject","subject_id","id");--> statement-breakpoint
CREATE INDEX "events_snoozes" ON "events" USING btree ("at") WHERE "events"."cause" in ('try_later');--> statement-breakpoint
-- An insert must never fail: what no month takes goes here.
CREATE TABLE "events_default" PARTITION OF "events" DEFAULT;--> statement-breakpoint
DO $$
DECLARE
	bound timestamptz := (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
	next timestamptz;
BEGIN
	-- A clock that ran ahead has dated these.
	CREATE TEMP TABLE events_later ON COMMIT DROP AS SELECT * FROM events_first WHERE at >= bound;
	DELETE FROM events_first WHERE at >= bound;
	EXECUTE format('ALTER TABLE events ATTACH PARTITION events_first FOR VALUES FROM (MINVALUE) TO (%L)', bound);
	FOR i IN 1..3 LOOP
		next := ((bound AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
		EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
			'events_' || to_char(bound AT TIME ZONE 'UTC', 'YYYY_MM'), bound, next);
		bound := next;
	END LOOP;
	INSERT INTO events SELECT * FROM events_later;
END $$;
