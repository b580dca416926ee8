CREATE TABLE "drift_again" (
	"run_id" text NOT NULL,
	"drift_id" bigint NOT NULL,
	CONSTRAINT "drift_again_run_id_drift_id_pk" PRIMARY KEY("run_id","drift_id")
);
--> statement-breakpoint
ALTER TABLE "phone_numbers" ADD COLUMN "baseline" jsonb;--> statement-breakpoint
ALTER TABLE "drift" ADD COLUMN "state" text DEFAULT 'open' NOT NULL;--> statement-breakpoint
ALTER TABLE "drift" ADD COLUMN "state_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "drift" ADD COLUMN "state_by" text;--> statement-breakpoint
ALTER TABLE "drift" ADD COLUMN "repair_request_id" text;--> statement-breakpoint
-- By hand. Until now a run took over what it found: what the rows of phone_numbers have is their baseline, so their column stays
-- null, and no difference of an earlier run is open.
UPDATE "drift" d SET "state" = CASE WHEN d."kind" IN ('adopted', 'healed') THEN 'settled' ELSE 'accepted' END,
	"state_at" = coalesce(r."finished_at", r."started_at", r."created_at"), "state_by" = 'an earlier version'
FROM "reconciliation_runs" r WHERE r."id" = d."run_id";--> statement-breakpoint
ALTER TABLE "drift_again" ADD CONSTRAINT "drift_again_run_id_reconciliation_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."reconciliation_runs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "drift_again" ADD CONSTRAINT "drift_again_drift_id_drift_id_fk" FOREIGN KEY ("drift_id") REFERENCES "public"."drift"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "drift_open" ON "drift" USING btree ("phone_number","kind",coalesce("field", '')) WHERE "drift"."state" = 'open';