DROP INDEX "lines_due";--> statement-breakpoint
CREATE INDEX "lines_due" ON "lines" USING btree ("next_run_at") WHERE "lines"."next_run_at" is not null;--> statement-breakpoint
ALTER TABLE "lines" DROP COLUMN "state";