CREATE TABLE "plan_numbers" (
	"plan_id" text NOT NULL,
	"phone_number" text NOT NULL,
	"position" integer NOT NULL,
	"line" integer,
	"upfront_cost" numeric(14, 6),
	"monthly_cost" numeric(14, 6),
	"currency" text,
	"steps" text,
	"verdict" text,
	"reserved_until" timestamp (3) with time zone,
	CONSTRAINT "plan_numbers_plan_id_phone_number_pk" PRIMARY KEY("plan_id","phone_number")
);
--> statement-breakpoint
CREATE TABLE "plans" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"status" text NOT NULL,
	"body" jsonb NOT NULL,
	"steps" jsonb NOT NULL,
	"asked" integer NOT NULL,
	"reserve" boolean DEFAULT false NOT NULL,
	"asked_by" text NOT NULL,
	"result" jsonb,
	"error" jsonb,
	"applied_by" text,
	"apply_asked_at" timestamp (3) with time zone,
	"allow_changes" boolean DEFAULT false NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"apply_error" jsonb,
	"request_id" text,
	"generation" integer DEFAULT 0 NOT NULL,
	"lease_until" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	"planned_at" timestamp (3) with time zone,
	"applied_at" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "planned_by" text;--> statement-breakpoint
ALTER TABLE "plan_numbers" ADD CONSTRAINT "plan_numbers_plan_id_plans_id_fk" FOREIGN KEY ("plan_id") REFERENCES "public"."plans"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "plan_numbers_order" ON "plan_numbers" USING btree ("plan_id","position");--> statement-breakpoint
CREATE INDEX "plans_open" ON "plans" USING btree ("id") WHERE "plans"."status" = 'pending' or "plans"."apply_asked_at" is not null;--> statement-breakpoint
CREATE INDEX "plans_expiry" ON "plans" USING btree ("expires_at");