import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifySchemaCompiler } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject, serializerCompiler } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { invalid } from '../domain/errors.ts';
import { checkShape } from '../producers/intake/problem-words.ts';
import type { App } from './deps.ts';
import { finished } from './openapi-finish.ts';
import { PAGE_POLICY } from './security.ts';

/**
 * Leaves the check of bodies to the producers, which list every problem, also for the command line and the library. The rest is
 * checked here, with messages in words.
 */
const checkAllButBodies: FastifySchemaCompiler<z.ZodType> = ({ httpPart, schema }) => {
  if (httpPart === 'body') return (value: unknown) => ({ value });
  return (value: unknown) => {
    const checked = checkShape(schema, value);
    return 'data' in checked ? { value: checked.data } : { error: invalid(checked.problems) };
  };
};

const zodToJsonConfig = {
  // Refinements and custom checks have no JSON Schema. The description leaves them out.
  unrepresentable: 'any',
  override: ({ jsonSchema }) => {
    // The largest whole number of JavaScript is no limit of ours.
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    // A field with `default` is one that must be written, to the generators of clients. So the text says it.
    if (jsonSchema.default === undefined) return;
    const said = `Default: ${JSON.stringify(jsonSchema.default)}`;
    jsonSchema.description = jsonSchema.description === undefined ? said : `${jsonSchema.description}. ${said}`;
    delete jsonSchema.default;
  },
} as const satisfies Partial<z.core.ToJSONSchemaParams>;

const toComponents = createJsonSchemaTransformObject({ zodToJsonConfig });

const TAGS = [
  { name: 'requests', description: 'Buying, updating and releasing numbers' },
  { name: 'plans', description: 'What is on sale, and what a request would do' },
  { name: 'numbers', description: 'The inventory' },
  { name: 'reconciliations', description: 'The inventory compared with the account' },
  { name: 'account', description: 'The account at Telnyx' },
  { name: 'health', description: 'For orchestrators and Prometheus' },
  { name: 'webhooks', description: 'From Telnyx, and to users' },
];

/**
 * Describes all routes that are registered after it: `/openapi.json` for machines, `/docs` for people. Both need no key, because
 * they hold no data.
 */
export async function describeApi(app: App, version: string): Promise<void> {
  app.setValidatorCompiler(checkAllButBodies);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'provisioner',
        version,
        description: 'Bulk provisioning of Telnyx phone numbers.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/', description: 'This server' }],
      tags: TAGS,
      components: {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer', description: 'A key of PROVISIONER_API_KEYS' },
          login: { type: 'http', scheme: 'basic', description: 'Name and key, for browsers' },
        },
      },
      security: [{ key: [] }, { login: [] }],
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig }),
    transformObject: (document) => finished(toComponents(document)),
  });
  await app.register(async (scope: App) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'public' };
    });
    await scope.register(swaggerUi, { routePrefix: '/docs', staticCSP: PAGE_POLICY, uiConfig: { validatorUrl: null } });
    scope.route({
      method: 'GET',
      url: '/openapi.json',
      schema: { hide: true },
      handler: async (_request, reply) => reply.type('application/json; charset=utf-8').send(JSON.stringify(app.swagger())),
    });
  });
}
