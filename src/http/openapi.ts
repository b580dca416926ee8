import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifySchemaCompiler } from 'fastify';
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { App } from './deps.ts';
import { PAGE_POLICY } from './security.ts';

type ZodSchema = Parameters<typeof validatorCompiler>[0]['schema'];

/**
 * Leaves the check of bodies to the producers, which list every problem, also for the command line and the library. Fastify
 * checks the rest.
 */
const checkAllButBodies: FastifySchemaCompiler<ZodSchema> = (route) =>
  route.httpPart === 'body' ? (value: unknown) => ({ value }) : validatorCompiler(route);

// Refinements and custom checks have no JSON Schema. The description leaves them out.
const zodToJsonConfig = { unrepresentable: 'any' } as const satisfies Partial<z.core.ToJSONSchemaParams>;

const toComponents = createJsonSchemaTransformObject({ zodToJsonConfig });
type Described = ReturnType<typeof toComponents>;

/** Removes the schemas that no route uses. The library makes each named schema twice, for input and output. */
function withoutUnused(document: Described): Described {
  if (!('components' in document) || document.components?.schemas === undefined) return document;
  const text = JSON.stringify(document);
  const used = Object.entries(document.components.schemas).filter(([name]) => text.includes(`"#/components/schemas/${name}"`));
  Object.assign(document.components, { schemas: Object.fromEntries(used) });
  return document;
}

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
      info: { title: 'provisioner', version, description: 'Bulk provisioning of Telnyx phone numbers.' },
      components: {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer', description: 'A key of PROVISIONER_API_KEYS' },
          login: { type: 'http', scheme: 'basic', description: 'Name and key, for browsers' },
        },
      },
      security: [{ key: [] }, { login: [] }],
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig }),
    transformObject: (document) => withoutUnused(toComponents(document)),
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
